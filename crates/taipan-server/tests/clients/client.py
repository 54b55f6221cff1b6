"""What a Python program does with `postgrest`, and what it must get."""
import sys

from postgrest import SyncPostgrestClient
from postgrest.exceptions import APIError

client = SyncPostgrestClient(sys.argv[1])
table = client.from_

got = table("employees").select("*", count="exact").gt("salary", 15).order("id").execute()
assert [row["name"] for row in got.data] == ["Bob", "Cy"] and got.count == 2, got
got = table("employees").select("name, departments(name)").eq("id", 1).single().execute()
assert got.data == {"name": "Ada", "departments": {"name": "Research"}}, got
got = table("departments").select("name, employees!inner(name)").eq("employees.name", "Cy").execute()
assert got.data == [{"name": "Sales", "employees": [{"name": "Cy"}]}], got
got = table("employees").select("id").or_("name.eq.Ada,salary.gt.25").order("id").execute()
assert got.data == [{"id": 1}, {"id": 3}], got
got = table("employees").select("name").in_("name", ["Ada", "Bob"]).order("name", desc=True).limit(1).execute()
assert got.data == [{"name": "Bob"}], got
got = table("employees").select("name").order("id").range(1, 2).execute()
assert got.data == [{"name": "Bob"}, {"name": "Cy"}], got
got = table("employees").select("id").ilike("name", "%A%").execute()
assert got.data == [{"id": 1}], got

got = table("employees").insert({"name": "Di", "data": {"a": [1]}}).execute()
assert got.data == [{"id": 4, "name": "Di", "salary": None, "data": {"a": [1]}, "department_id": None}], got
got = table("departments").upsert({"id": 1, "name": "R & D"}).execute()
assert got.data == [{"id": 1, "name": "R & D"}], got
got = table("employees").update({"salary": 5}).gte("id", 3).execute()
assert [row["salary"] for row in got.data] == [5, 5], got
got = table("employees").delete().eq("id", 4).execute()
assert [row["name"] for row in got.data] == ["Di"], got


def code(query):
    try:
        query.execute()
    except APIError as error:
        return error.code
    return None


assert code(table("nothing").select("*")) == "PGRST205"
assert code(table("employees").select("nope")) == "42703"
assert code(table("departments").insert({"name": "Sales"})) == "23505"
assert code(table("employees").select("*").single()) == "PGRST116"
print("all as expected")
