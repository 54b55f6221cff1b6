from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from store_common import QUESTIONS, report, timed


class Base(DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    salary: Mapped[int]


engine = create_engine("sqlite:///store-people.db")


def work():
    for _ in range(QUESTIONS):
        with Session(engine) as session:
            found = session.scalars(select(Person).order_by(Person.salary.desc()).limit(10)).all()
            salaries = [person.salary for person in found]
    return salaries


seconds, result = timed(work)
report({"queries": seconds}, result)
