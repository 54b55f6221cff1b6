// What a JavaScript program does with `@supabase/postgrest-js`, and what it must get.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.TAIPAN_CLIENTS, "package.json"));
const { PostgrestClient } = require("@supabase/postgrest-js");
const client = new PostgrestClient(process.argv[2]);

const good = async (query) => {
  const { data, error, ...rest } = await query;
  assert.equal(error, null, JSON.stringify(error));
  return { data, ...rest };
};

let { data, count } = await good(client.from("employees").select("*", { count: "exact" }).gt("salary", 15).order("id"));
assert.deepEqual(data.map((row) => row.name), ["Bob", "Cy"]);
assert.equal(count, 2);
({ data } = await good(client.from("employees").select("name, departments(name)").eq("id", 1).single()));
assert.deepEqual(data, { name: "Ada", departments: { name: "Research" } });
({ data } = await good(client.from("departments").select("name, employees!inner(name)").eq("employees.name", "Cy")));
assert.deepEqual(data, [{ name: "Sales", employees: [{ name: "Cy" }] }]);
({ data } = await good(client.from("employees").select("id").or("name.eq.Ada,and(salary.gt.25,name.like.C%)").order("id")));
assert.deepEqual(data, [{ id: 1 }, { id: 3 }]);
({ data } = await good(client.from("employees").select("id").in("name", ["Ada", "Bob"]).is("data", null).maybeSingle()));
assert.equal(data, null);
({ data } = await good(client.from("employees").select("id, n:data->>n").not("data", "is", null).ilike("name", "%b%")));
assert.deepEqual(data, [{ id: 2, n: "7" }]);
({ data } = await good(client.from("employees").select("name").likeAnyOf("name", ["A%", "C%"]).order("name", { ascending: false })));
assert.deepEqual(data, [{ name: "Cy" }, { name: "Ada" }]);
({ data } = await good(client.from("employees").select("name").order("id").range(1, 2)));
assert.deepEqual(data, [{ name: "Bob" }, { name: "Cy" }]);
({ data } = await good(client.from("employees").select("name, salary").order("id").limit(1).csv()));
assert.equal(data, "name,salary\nAda,10.5\n");
({ data, count } = await good(client.from("employees").select("*", { count: "exact", head: true })));
assert.equal(data, null);
assert.equal(count, 3);

({ data } = await good(client.from("employees").insert({ name: "Di", data: { a: [1] } }).select().single()));
assert.deepEqual(data, { id: 4, name: "Di", salary: null, data: { a: [1] }, department_id: null });
let answer = await good(client.from("employees").insert([{ name: "E", salary: 1 }, { name: "F" }]));
assert.equal(answer.status, 201);
({ data } = await good(client.from("departments").upsert({ id: 1, name: "R & D" }).select()));
assert.deepEqual(data, [{ id: 1, name: "R & D" }]);
({ data } = await good(client.from("departments").upsert({ name: "Sales" }, { onConflict: "name", ignoreDuplicates: true }).select()));
assert.deepEqual(data, []);
({ data, count } = await good(client.from("employees").update({ salary: 5 }, { count: "exact" }).gte("id", 4).select("id")));
assert.deepEqual(data.map((row) => row.id), [4, 5, 6]);
assert.equal(count, 3);
({ data } = await good(client.from("employees").delete().eq("id", 6).select("name")));
assert.deepEqual(data, [{ name: "F" }]);

const bad = async (query) => (await query).error;
assert.equal((await bad(client.from("nothing").select())).code, "PGRST205");
assert.equal((await bad(client.from("employees").select("nope"))).code, "42703");
assert.equal((await bad(client.from("employees").select().single())).code, "PGRST116");
assert.equal((await bad(client.from("departments").insert({ name: "Sales" }))).code, "23505");
assert.equal((await bad(client.from("employees").insert({ name: "G", department_id: 99 }))).code, "23503");
assert.equal((await bad(client.from("employees").insert({ name: "G", salary: -1 }))).code, "23514");
console.log("all as expected");
