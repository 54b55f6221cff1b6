"""The rows of the job template."""

ROWS = [
    {
        "id": number,
        "name": f"Person {number} & <others>",
        "department": ["Research", "Sales", "Legal"][number % 3],
        "salary": 30000 + number * 7,
        "note": "on leave" if number % 2 else "",
    }
    for number in range(100)
]
