"""What must be true when all is over, from what the clients saw and what the store holds."""

from collections import Counter, defaultdict

# Answers that leave no record: nothing was admitted, or nothing could be written.
UNRECORDED = {"record_unavailable", "draining"}


def audit(seen, records, usage, samples, chaos, limited_key, bound):
    """The complaints, each a sentence; and the figures."""
    checks = [
        records_of_answers(seen, records), records_alone(records), tokens_of(seen, records), usage_of(records, usage),
        limits(seen, limited_key, chaos, bound), memory(samples)]
    return [complaint for complaints, _ in checks for complaint in complaints], [figure for _, figure in checks]


def records_of_answers(seen, records):
    """Each answer has one record, which says what the client saw."""
    complaints, counts = [], Counter(record["id"].removeprefix("req_") for record in records)
    by_id = {record["id"].removeprefix("req_"): record for record in records}
    answers = [s for s in seen if s.id and s.code not in UNRECORDED]
    for s in answers:
        if counts[s.id] != 1:
            complaints.append(f"{s.path} answered {s.status} {s.code or ''} ({s.id}): {counts[s.id]} records")
            continue
        record = by_id[s.id]
        if s.is_whole and record["outcome"] not in ("answered", "blocked"):
            complaints.append(f"{s.path} was answered whole ({s.id}), but is recorded as {record['outcome']}")
        if s.status != 200 and record["status"] != s.status:
            complaints.append(f"{s.path} was answered {s.status} ({s.id}), but is recorded as {record['status']}")
    twice = [id for id, count in counts.items() if count > 1]
    complaints += [f"{id} has {counts[id]} records" for id in twice]
    whole = sum(s.is_whole for s in seen)
    return complaints, f"{len(seen)} requests, {whole} answered whole, {len(answers)} with a record each"


def records_alone(records):
    """Nothing is open for ever, and nothing that was not seen to end was charged nothing."""
    complaints = []
    for record in records:
        if record["outcome"] in (None, "open", "admitted") or record.get("settled_at") is None:
            complaints.append(f"{record['id']} is not settled")
        if record["outcome"] == "interrupted" and record["input_tokens"] + record["output_tokens"] < record["tokens_reserved"]:
            complaints.append(f"{record['id']} was interrupted, and is charged less than was reserved")
    outcomes = Counter(record["outcome"] for record in records)
    return complaints, f"{len(records)} records: " + ", ".join(f"{n} {name}" for name, n in outcomes.most_common())


def tokens_of(seen, records):
    """A record has the tokens that the answer names."""
    complaints, count = [], 0
    by_id = {record["id"].removeprefix("req_"): record for record in records}
    for s in seen:
        record = by_id.get(s.id)
        if not s.is_whole or not s.tokens or not record or record["outcome"] != "answered":
            continue
        count += 1
        if (record["input_tokens"], record["output_tokens"]) != tuple(s.tokens):
            complaints.append(
                f"{s.path} ({s.id}) used {s.tokens}, and is recorded with "
                f"{record['input_tokens']} and {record['output_tokens']}")
    return complaints, f"{count} answers with the tokens of their records"


def usage_of(records, usage):
    """The usage table is the sum of the records."""
    def total(rows):
        return sum(row["input_tokens"] for row in rows), sum(row["output_tokens"] for row in rows)

    complaints = []
    if total(records) != total(usage):
        complaints.append(f"the records have {total(records)} tokens, the usage table {total(usage)}")
    if sum(row["requests"] for row in usage) != len(records):
        complaints.append(f"the usage table has {sum(row['requests'] for row in usage)} requests, not {len(records)}")
    return complaints, f"{sum(total(usage))} tokens in records and in usage"


def limits(seen, key, chaos, bound):
    """Over any window of a minute no more was admitted than the guide on shared limits says."""
    per_minute, lease, processes = bound
    times = sorted(s.begin for s in seen if s.key == key and s.status and s.status != 429 and s.status < 500)
    # Each of these may cost what the processes held unused, once.
    losses = [at for at, name in chaos if name in ("gateway killed", "redis killed and empty", "redis stands still")]
    complaints, most = [], 0
    first = 0
    for index, end in enumerate(times):
        while times[first] < end - 60:
            first += 1
        count = index - first + 1
        most = max(most, count)
        # A loss that began up to a lease's time before the window still tells in it.
        within = sum(end - 75 <= at <= end for at in losses)
        most_allowed = per_minute + per_minute + processes * lease * (1 + within)
        if count > most_allowed:
            complaints.append(f"{count} requests were admitted within a minute, and {most_allowed} is the bound")
    return complaints[:3], f"{len(times)} requests admitted under the limit, {most} in the fullest minute"


def memory(samples):
    """Within the last life of each gateway neither memory nor open files grow."""
    complaints, figures = [], []
    lives = defaultdict(list)
    for gateway, pid, at, resident, files in samples:
        lives[gateway, pid].append((at, resident, files))
    for gateway in sorted({gateway for gateway, _ in lives}):
        life = max((life for (g, _), life in lives.items() if g == gateway), key=lambda life: life[-1][0])
        warm = [sample for sample in life if sample[0] >= life[0][0] + 15]
        if len(warm) < 6:
            complaints.append(f"gateway {gateway} did not live long enough to compare its memory")
            continue
        third = len(warm) // 3
        early, late = (max(m for _, m, _ in part) / 1e6 for part in (warm[:third], warm[-third:]))
        figures.append(f"gateway {gateway} {early:.0f} then {late:.0f} MB, {life[-1][2]} files at the end")
        if late > early * 1.15 + 16:
            complaints.append(f"gateway {gateway} grew from {early:.0f} to {late:.0f} MB")
    return complaints, "; ".join(figures)
