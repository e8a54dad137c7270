-- Accounts for budgets that several processes share: what was spent of each in its present day and month of UTC, with what
-- processes have leased, which counts as spent until they give it back.
--
-- KEYS    one for each subject; all with one hash tag.
-- ARGV    1: process, then for each subject: known (0 at the process's first call of it, else 1), sequence number, the day
--         that the process's sums are of, and for each of four kinds (tokens a day, tokens a month, money a day, money a
--         month): budget (-1: none), charged (all that this process has been charged), floor (what the store knows that was
--         spent), first (the least that helps), wanted. Money is in millionths.
-- Answer  for each subject: state (0 as told, 1 an old call), day, and for each kind: granted, spent.
--
-- A process tells the sum of what it was charged, so a call that comes twice or whose answer is lost is made good by the
-- next. What the store knows is a floor: so a Redis that forgot begins where the store ends.
--
-- A subject's hash: `day`; `0` to `3`: spent; `p` and a process: "sequence day charged0 charged1 charged2 charged3".

local KEPT = 3456000 -- 40 days: longer than any period
local PROCESSES_AT_MOST = 1000

local numbers = {}
for i = 2, #ARGV do
    local number = tonumber(ARGV[i])
    if not number or number < -1 or number > 9007199254740991 or number ~= math.floor(number) then
        return redis.error_reply('BUDGETS argument ' .. i .. ' is no whole number from -1 to 2^53 - 1')
    end
    numbers[i] = number
end
local process = 'p' .. ARGV[1]
local time = redis.call('TIME')
local today = math.floor(time[1] / 86400)

local function whole(number) return string.format('%.0f', number) end

-- Months since January of year 0. Source: H. Hinnant, chrono-compatible low-level date algorithms, civil_from_days.
local function month_of(day)
    local shifted = day + 719468
    local era = math.floor(shifted / 146097)
    local day_of_era = shifted - era * 146097
    local year_of_era = math.floor((day_of_era - math.floor(day_of_era / 1460) + math.floor(day_of_era / 36524)
        - math.floor(day_of_era / 146096)) / 365)
    local day_of_year = day_of_era - (365 * year_of_era + math.floor(year_of_era / 4) - math.floor(year_of_era / 100))
    local shifted_month = math.floor((5 * day_of_year + 2) / 153)
    local month = shifted_month < 10 and shifted_month + 3 or shifted_month - 9
    return (year_of_era + era * 400 + (month <= 2 and 1 or 0)) * 12 + month - 1
end

-- Kinds 0 and 2 are of the day, 1 and 3 of the month.
local function is_same_period(kind, one, other)
    if kind % 2 == 0 then return one == other end
    return month_of(one) == month_of(other)
end

-- Where there are too many processes, the records of those are forgotten that have told nothing of the last month. Where
-- there are none, all are; a process whose own is gone is believed from then on.
local function prune(key, day)
    if redis.call('HLEN', key) <= PROCESSES_AT_MOST + 5 then return end
    local all = redis.call('HGETALL', key)
    local silent, others = {}, {}
    for i = 1, #all, 2 do
        if string.sub(all[i], 1, 1) == 'p' then
            local told_day = tonumber(string.match(all[i + 1], '^%S+ (%S+)') or 0)
            local list = told_day < day - 31 and silent or others
            list[#list + 1] = all[i]
        end
    end
    for _, field in ipairs(#silent > 0 and silent or others) do redis.call('HDEL', key, field) end
end

local function serve(key, index, answer)
    local known, sequence, told_day = numbers[index], numbers[index + 1], numbers[index + 2]
    local stored = redis.call('HMGET', key, 'day', '0', '1', '2', '3', process)
    local stored_day = tonumber(stored[1] or 0)
    -- A day that is over does not come back, whatever the clock says.
    local day = math.max(today, stored_day)
    local record
    if stored[6] then
        record = {}
        for word in string.gmatch(stored[6], '%S+') do record[#record + 1] = tonumber(word) end
    end
    local is_late = record and record[1] >= sequence
    answer[#answer + 1] = is_late and 1 or 0
    answer[#answer + 1] = day
    local fields = { 'day', whole(day) }
    local told = { whole(sequence), whole(day) }
    for kind = 0, 3 do
        local at = index + 3 + kind * 5
        local budget, charged, floor = numbers[at], numbers[at + 1], numbers[at + 2]
        local first, wanted = numbers[at + 3], numbers[at + 4]
        local spent = is_same_period(kind, stored_day, day) and tonumber(stored[2 + kind] or 0) or 0
        local granted = 0
        local before = record and is_same_period(kind, record[2], day) and record[3 + kind] or 0
        if not is_same_period(kind, told_day, day) then charged, floor = 0, 0 end
        if budget < 0 then charged = before end
        if not is_late and budget >= 0 then
            if known == 0 then
                spent = spent + charged
            elseif record then
                spent = spent + charged - before
            end
            spent = math.max(0, spent, floor)
            local available = math.max(0, budget - spent)
            if wanted > 0 and available >= first then
                -- No process takes more than half of what is left, but for one request.
                granted = math.min(wanted, math.max(first, math.floor(available / 2)))
            end
            spent = spent + granted
        end
        answer[#answer + 1] = granted
        answer[#answer + 1] = spent
        told[#told + 1] = whole(charged + granted)
        fields[#fields + 1] = whole(kind)
        fields[#fields + 1] = whole(spent)
    end
    if is_late then return end
    if not record then prune(key, day) end
    redis.call('HSET', key, process, table.concat(told, ' '), unpack(fields))
    redis.call('EXPIRE', key, KEPT)
end

local answer = {}
for i = 1, #KEYS do serve(KEYS[i], 2 + (i - 1) * 23, answer) end
return answer
