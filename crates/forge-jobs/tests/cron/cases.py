"""Checks cases.json and random.json against Python, or writes their fires anew (--write).

The fires come from a brute force over zoneinfo that applies the written rule to every single minute (or second) and
shares nothing with the Rust code. Beside it, cronsim and croniter are asked; "agree" names those that say the same.

Where they do not, as seen in the cases: croniter fires fixed times in both passes of an hour that comes twice, leaves
intervals out differently where the clock jumps, joins the two days by "or" also where one has a star, and does not know
LW and 5L as we write them. cronsim does not know W and ?, treats six fields by another rule where the clock is turned,
and forgets the first pass when asked from within the second. Run it with `cargo xtask cron-cases [--write]`.
"""

import calendar
import json
import os
import random
import sys
from datetime import date, datetime, timedelta, timezone

os.environ["PYTHONTZPATH"] = ""  # The zones of the package tzdata, whatever the machine has.

from zoneinfo import ZoneInfo  # noqa: E402

from croniter import croniter  # noqa: E402
from cronsim import CronSim  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
COUNT = 4
NAMES = {
    3: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    4: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
}
RANGES = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class Expression:
    """The fields as sets, and the two days as a question."""

    def __init__(self, text):
        fields = MACROS.get(text.lower(), text).upper().split()
        self.by_second = len(fields) == 6
        self.seconds = self.plain(0, fields.pop(0)) if self.by_second else {0}
        self.minutes, self.hours = self.plain(0, fields[0]), self.plain(1, fields[1])
        self.months = self.plain(3, fields[3])
        self.dom, self.dow = fields[2].replace("?", "*"), fields[4].replace("?", "*")
        self.interval = "*" in fields[0] or "*" in fields[1]
        self.days = {}

    def plain(self, place, field):
        low, high = RANGES[place]
        found = set()
        for entry in field.split(","):
            base, _, step = entry.partition("/")
            if base == "*":
                first, last = low, 6 if place == 4 else high
            elif "-" in base:
                first, last = (self.number(place, part) for part in base.split("-"))
                if place == 4 and base.endswith("-SUN"):
                    last = 7
            else:
                first = self.number(place, base)
                last = first if not step else 6 if place == 4 else high
            found.update(range(first, last + 1, int(step or 1)))
        return {value % 7 for value in found} if place == 4 else found

    @staticmethod
    def number(place, text):
        names = NAMES.get(place, [])
        return names.index(text) + (1 if place == 3 else 0) if text in names else int(text)

    def on(self, day):
        if day not in self.days:
            self.days[day] = self.ask(day)
        return self.days[day]

    def ask(self, day):
        if day.month not in self.months:
            return False
        by_month = any(self.dom_entry(entry, day) for entry in self.dom.split(","))
        by_week = any(self.dow_entry(entry, day) for entry in self.dow.split(","))
        if "*" in self.dom or "*" in self.dow:
            return by_month and by_week
        return by_month or by_week

    def dom_entry(self, entry, day):
        length = calendar.monthrange(day.year, day.month)[1]
        if entry == "L":
            return day.day == length
        if entry.endswith("W"):
            wanted = length if entry == "LW" else int(entry[:-1])
            if wanted > length:
                return False
            work = [d for d in range(1, length + 1) if date(day.year, day.month, d).weekday() < 5]
            # The nearer one; a Saturday goes back and a Sunday goes on, if the month allows it.
            return day.day == min(work, key=lambda d: (abs(d - wanted), d))
        return day.day in self.plain(2, entry)

    def dow_entry(self, entry, day):
        weekday = (day.weekday() + 1) % 7
        length = calendar.monthrange(day.year, day.month)[1]
        if "#" in entry:
            name, nth = entry.split("#")
            return weekday == self.number(4, name) % 7 and (day.day + 6) // 7 == int(nth)
        if entry.endswith("L"):
            return weekday == self.number(4, entry[:-1]) % 7 and day.day + 7 > length
        return weekday in self.plain(4, entry)

    def at(self, wall):
        return (
            wall.second in self.seconds
            and wall.minute in self.minutes
            and wall.hour in self.hours
            and self.on(wall.date())
        )


def brute_force(expression, zone, start, count, end):
    """Looks at every minute (or second) that there was, and at every one that the wall clock left out."""
    unit = timedelta(seconds=1 if expression.by_second else 60)
    day = timedelta(days=1)
    wall = lambda moment: moment.astimezone(zone).replace(tzinfo=None, fold=0)  # noqa: E731
    at = (start - 3 * day).replace(second=0, microsecond=0)
    reached = wall(at) - unit
    fires = []
    while len(fires) < count and at < end:
        # Half a day at a time, unless none of the days around can hold a fire.
        after = at + day / 2
        days = {(min(reached, wall(at)) - day + n * day).date() for n in range(6)}
        if not any(expression.on(d) for d in days):
            at, reached = after, max(reached, wall(after - unit))
            continue
        while at < after:
            now = wall(at)
            if expression.interval:
                fires_now = expression.at(now)
            else:
                fires_now = False
                while reached < now:
                    reached += unit
                    fires_now = fires_now or expression.at(reached)
            reached = max(reached, now)
            if fires_now and at > start:
                fires.append(at)
            at += unit
    return fires[:count]


def by_library(name, case, zone, start, count):
    expr = MACROS.get(case["expr"].lower(), case["expr"])
    try:
        if name == "cronsim":
            found = CronSim(expr, start.astimezone(zone))
        else:
            six = len(expr.split()) == 6
            found = croniter(expr, start.astimezone(zone), ret_type=datetime, second_at_beginning=six)
        return [next(found).astimezone(timezone.utc) for _ in range(count)]
    except Exception as problem:  # noqa: BLE001
        return repr(problem)


def rfc3339(moment):
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def solved(case):
    zone = ZoneInfo(case["zone"])
    start = datetime.fromisoformat(case["from"].replace("Z", "+00:00"))
    count = case.get("count", COUNT)
    fires = brute_force(Expression(case["expr"]), zone, start, count, start + timedelta(days=366 * 60))
    agree = [name for name in ("cronsim", "croniter") if by_library(name, case, zone, start, count) == fires]
    return {**case, "fires": [rfc3339(fire) for fire in fires], "agree": agree}


def random_cases(seed=20261124, count=180):
    """Fields drawn at random, beside turns of clocks drawn at random."""
    draw = random.Random(seed)
    zones = [
        "America/New_York", "Europe/London", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca",
        "Pacific/Chatham", "America/St_Johns", "Asia/Kathmandu", "America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo",
        "America/Havana", "Asia/Tehran", "Antarctica/Troll", "Pacific/Kwajalein", "America/Caracas", "Asia/Pyongyang",
    ]  # fmt: skip
    for n in range(count):
        zone = draw.choice(zones)
        start = datetime(draw.randint(1985, 2030), 1, 1, tzinfo=timezone.utc) + timedelta(minutes=draw.randrange(525_600))
        turns = turns_of(ZoneInfo(zone), start.year)
        if turns and draw.random() < 0.7:
            start = draw.choice(turns) - timedelta(minutes=draw.randrange(-90, 3_000))
        low = lambda a, b, k: ",".join(str(v) for v in sorted(draw.sample(range(a, b), k)))  # noqa: E731
        minute = draw.choice(["0", "30", "*", "*/15", "*/7", low(0, 60, 3), f"{draw.randrange(60)}", "10-50/20"])
        hour = draw.choice(["*", "*/2", "0-4", "1", "2", "0", "23", low(0, 24, 3), "1-3", f"{draw.randrange(24)}"])
        day = draw.choice(["*"] * 8 + ["L", "LW", "15W", "1,15", "*/2", "31", "29-31", f"{draw.randint(1, 28)}"])
        month = draw.choice(["*"] * 8 + ["3,4,9-11", "FEB", "*/3"])
        week = draw.choice(["*"] * 8 + ["1-5", "SAT-SUN", "7", "5L", "0#1", "0#2", "*/2", "MON"])
        expr = " ".join([minute, hour, day, month, week])
        yield {"name": f"random {n}", "expr": expr, "zone": zone, "from": rfc3339(start)}


def turns_of(zone, year):
    moments = [datetime(year, 1, 1, tzinfo=timezone.utc) + timedelta(hours=n) for n in range(8_760)]
    offsets = [moment.astimezone(zone).utcoffset() for moment in moments]
    return [moments[n] for n in range(1, len(moments)) if offsets[n] != offsets[n - 1]]


def main():
    write = "--write" in sys.argv[1:]
    wrong = 0
    with open(os.path.join(HERE, "cases.json"), encoding="utf-8") as file:
        by_hand = json.load(file)
    for name, cases in [("cases.json", by_hand), ("random.json", list(random_cases()))]:
        cases = [solved(case) for case in cases]
        text = "[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]\n"
        path = os.path.join(HERE, name)
        old = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
        if write:
            open(path, "w", encoding="utf-8").write(text)
        elif text != old:
            wrong += 1
            old_lines = set(old.splitlines())
            print(f"{name} is not what Python computes:")
            print("\n".join(line for line in text.splitlines() if line not in old_lines))
        agree = {lib: sum(lib in case["agree"] for case in cases) for lib in ("cronsim", "croniter")}
        print(f"{name}: {len(cases)} cases by brute force; the same by {agree}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
