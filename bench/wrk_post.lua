-- Posts under wrk: sends the body of a file to one path and ends with one line that the harness reads.
-- Usage: wrk ... -s wrk_post.lua http://127.0.0.1:PORT -- PATH CONTENT_TYPE BODY_FILE
local message

function init(args)
  local file = io.open(args[3], "rb")
  local body = file:read("*a")
  file:close()
  message = wrk.format("POST", args[1], { ["Content-Type"] = args[2], ["Host"] = "127.0.0.1" }, body)
end

function request()
  return message
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "result %d %d %d %d %d %d\n",
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status,
    latency:percentile(50), latency:percentile(99)))
end
