-- Reads under wrk: asks for the paths of a file in turn and ends with one line that the harness reads.
-- Usage: wrk ... -s wrk.lua http://127.0.0.1:PORT -- PATHS_FILE [PREFER]
local requests = {}
local next = 0

function init(args)
  if args[2] then wrk.headers["Prefer"] = args[2] end
  for path in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
  -- Threads start at different places; wrk gives each its own Lua state.
  next = math.random(#requests)
end

function request()
  next = next % #requests + 1
  return requests[next]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "result %d %d %d %d %d %d\n",
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status,
    latency:percentile(50), latency:percentile(99)))
end
