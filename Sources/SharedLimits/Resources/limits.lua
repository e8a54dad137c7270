-- Accounts for limits that several processes share. One call tells what one process used of some subjects' limits, and
-- leases it what it may use next.
--
-- KEYS    1: the data set's own; 2…: one for each subject; all with one hash tag.
-- ARGV    1: process, 2: the data set it knows or nothing, 3: the latest time it read here, 4: how long leases last (µs),
--         then for each subject: mode (0 knows of no lease, 1 has leases, 2 is leaving), sequence number, count of limits,
--         and for each limit: kind, limit, used (ever since mode was 0), reserved, first, wanted.
-- Answer  data set, time, and for each subject: state (0 as told, 1 its leases had gone, 2 an old call), and for each
--         limit: held, left, wait (µs; -1: none), level.
--
-- The generic cell rate algorithm as a leaky bucket: the level is what was charged and has not drained (ITU-T I.371,
-- Annex A: the arrival time is now + level · period / limit). What processes hold counts as used, and is charged when
-- they tell that it was used, or in full when their leases end: the level never falls but by time.
--
-- The data set's hash: `id`, `at` (its latest time), `lost` (when all buckets counted as used up, or 0); `p` and a process
-- is the latest time that the process was told.
-- A subject's hash: `level` is "time level0 level1 level3"; `p` and a process is "sequence expiry used0 held0 … held3".

local PERIOD = { [0] = 60000000, [1] = 60000000, [3] = 86400000000 }
local CONCURRENCY, CONCURRENCY_WAIT = 2, 1000000
local KEPT_AT_MOST = 34560000000 -- 400 days in milliseconds
local MARKS_AT_MOST = 1000

local numbers = {}
for i = 3, #ARGV do
    local number = tonumber(ARGV[i])
    if not number or number < 0 or number > 9007199254740991 or number ~= math.floor(number) then
        return redis.error_reply('LIMITS argument ' .. i .. ' is no whole number from 0 to 2^53 - 1')
    end
    numbers[i] = number
end
local process, known, seen, lifetime = ARGV[1], ARGV[2], numbers[3], numbers[4]

local function whole(number) return string.format('%.0f', number) end

-- Time never runs backward, and no caller's clock is asked.
local time = redis.call('TIME')
local mark = 'p' .. process
local stored = redis.call('HMGET', KEYS[1], 'id', 'at', 'lost', mark)
local id, at, lost = stored[1], tonumber(stored[2] or 0), tonumber(stored[3] or 0)
local now = math.max(time[1] * 1000000 + time[2], at)
-- The latest time that this data set told this process. No other process moves it, so it falls behind what the process
-- has read whenever what it wrote then is gone, whoever spoke first since, and from whichever data set it comes.
local told = known == id and tonumber(stored[4] or 0) or 0
-- Who remembers more than that, and from after the latest loss that is known of, remembers what is lost here. Nothing of
-- it may be given out twice, so all buckets count as used up then.
local is_lost = known ~= '' and math.max(told, lost) < seen
if is_lost or not id then
    id = process .. '-' .. whole(now)
    lost = is_lost and now or 0
end
redis.call('HSET', KEYS[1], 'id', id, 'at', whole(now), 'lost', whole(lost), mark, whole(now))

-- Of processes that are no more, the marks are forgotten some day: those that spoke longest ago.
if not stored[4] and redis.call('HLEN', KEYS[1]) > MARKS_AT_MOST + 3 then
    local fields, marks = redis.call('HGETALL', KEYS[1]), {}
    for i = 1, #fields, 2 do
        if string.sub(fields[i], 1, 1) == 'p' then marks[#marks + 1] = { fields[i], tonumber(fields[i + 1]) } end
    end
    table.sort(marks, function(a, b) return a[2] < b[2] end)
    for i = 1, #marks - MARKS_AT_MOST / 2 do redis.call('HDEL', KEYS[1], marks[i][1]) end
end

local function words(text)
    local result = {}
    for word in string.gmatch(text, '%S+') do result[#result + 1] = tonumber(word) end
    return result
end

-- What is stored of a subject: levels, their time, and the processes' records.
local function read(key)
    local fields = redis.call('HGETALL', key)
    local levels, levels_at, records = { [0] = 0, [1] = 0, [3] = 0 }, 0, {}
    for i = 1, #fields, 2 do
        local value = words(fields[i + 1])
        if fields[i] == 'level' then
            levels_at, levels = value[1], { [0] = value[2], [1] = value[3], [3] = value[4] }
        else
            local record = { name = string.sub(fields[i], 2), sequence = value[1], expiry = value[2], used = {}, held = {} }
            for kind = 0, 3 do
                record.used[kind], record.held[kind] = value[3 + 2 * kind], value[4 + 2 * kind]
            end
            records[#records + 1] = record
        end
    end
    return levels, levels_at, records
end

local function drain(levels, limits, from, to)
    for kind, period in pairs(PERIOD) do
        if limits[kind] and to > from then
            levels[kind] = math.max(0, levels[kind] - limits[kind] * (to - from) / period)
        end
    end
end

-- Charges what leases held that have ended, each at its end. Returns the records that are left, and ours.
local function settle_ended(key, levels, levels_at, limits, records)
    local ended, others, mine = {}, {}, nil
    for _, record in ipairs(records) do
        if record.expiry < now then ended[#ended + 1] = record
        elseif record.name == process then mine = record
        else others[#others + 1] = record end
    end
    table.sort(ended, function(a, b) return a.expiry < b.expiry end)
    for _, record in ipairs(ended) do
        local moment = math.max(record.expiry, levels_at)
        drain(levels, limits, levels_at, moment)
        levels_at = moment
        for kind in pairs(PERIOD) do levels[kind] = levels[kind] + record.held[kind] end
        redis.call('HDEL', key, 'p' .. record.name)
    end
    drain(levels, limits, levels_at, now)
    return others, mine
end

-- One limit: takes in what was used, and leases what there is. Returns held, left, wait.
local function lease(kind, ask, level, others, mine)
    local limit, period = ask.limit, PERIOD[kind]
    local taken = 0
    for _, record in ipairs(others) do taken = taken + record.held[kind] end
    -- What was granted stays granted; it holds what the process spent while this call was on its way.
    local total = ask.reserved + ask.wanted
    local keep = math.min(total, math.max(mine.held[kind] - ask.used_now, ask.reserved))
    local free = limit - level - taken - keep
    -- Forgives what rounding took.
    local rounding = 1e-9 + limit * 2e-15
    local available = math.max(0, math.floor(free + rounding))
    local needed = math.max(0, ask.reserved + ask.first - keep)
    local granted, wait = 0, -1
    if needed > available then
        wait = period and math.min(math.ceil((needed - free) * period / math.max(limit, 1)), 4503599627370496)
            or CONCURRENCY_WAIT
    elseif total > keep then
        -- No process takes more than its part of what is left, but for one request.
        local part = math.floor(available / (#others + 1))
        granted = math.min(total - keep, available, math.max(needed, part))
    end
    local held = keep + granted
    return held, math.max(0, math.floor(limit - level - taken - held + rounding)), wait
end

local function write(key, levels, limits, others, mine, leaves)
    redis.call('HSET', key, 'level', whole(now) .. string.format(' %.17g %.17g %.17g', levels[0], levels[1], levels[3]))
    local expiry, longest = now + lifetime, 0
    if leaves then
        redis.call('HDEL', key, 'p' .. process)
    else
        local text = { whole(mine.sequence), whole(expiry) }
        for kind = 0, 3 do
            text[#text + 1] = whole(mine.used[kind])
            text[#text + 1] = whole(mine.held[kind])
        end
        redis.call('HSET', key, 'p' .. process, table.concat(text, ' '))
    end
    for _, record in ipairs(others) do expiry = math.max(expiry, record.expiry) end
    for kind, period in pairs(PERIOD) do
        local units = levels[kind] + mine.held[kind]
        for _, record in ipairs(others) do units = units + record.held[kind] end
        if limits[kind] and units > 0 then longest = math.max(longest, units * period / math.max(limits[kind], 1)) end
    end
    -- Forgotten when forgetting changes nothing.
    redis.call('PEXPIRE', key, whole(math.min(math.ceil((expiry - now + longest) / 1000) + 1000, KEPT_AT_MOST)))
end

local function serve(key, mode, sequence, asks, limits, answer)
    local levels, levels_at, records = read(key)
    for _, record in ipairs(records) do
        if record.name == process and record.sequence >= sequence then
            answer[#answer + 1] = 2
            for _ = 1, 4 * #asks do answer[#answer + 1] = 0 end
            return
        end
    end
    local others, mine = settle_ended(key, levels, levels_at, limits, records)
    local is_gone = mode ~= 0 and not mine
    local before = mine
    if mode == 0 then before = nil end
    mine = { sequence = sequence, used = { [0] = 0, 0, 0, 0 }, held = { [0] = 0, 0, 0, 0 } }
    answer[#answer + 1] = is_gone and 1 or 0
    for _, ask in ipairs(asks) do
        local kind = ask.kind
        local period = PERIOD[kind]
        -- What ended leases held has been charged in full, all that is reserved in it too.
        if is_gone and period then ask.reserved = 0 end
        ask.used_now = (before and period) and math.max(0, ask.used - before.used[kind]) or 0
        local level = 0
        if period then
            if lost > 0 then
                levels[kind] = math.max(levels[kind], ask.limit - ask.limit * (now - lost) / period)
            end
            levels[kind] = levels[kind] + ask.used_now
            if mode == 2 then levels[kind] = levels[kind] + ask.reserved end
            level = levels[kind]
        end
        if mode == 2 then ask.reserved, ask.first, ask.wanted = 0, 0, 0 end
        local held, left, wait = lease(kind, ask, level, others, before or mine)
        mine.used[kind], mine.held[kind] = ask.used, held
        for _, number in ipairs({ held, left, wait, math.ceil(level) }) do answer[#answer + 1] = number end
    end
    write(key, levels, limits, others, mine, mode == 2)
end

local answer = { id, whole(now) }
local index = 5
for i = 2, #KEYS do
    local mode, sequence, count = numbers[index], numbers[index + 1], numbers[index + 2]
    local asks, limits = {}, {}
    index = index + 3
    for j = 1, count do
        asks[j] = {
            kind = numbers[index], limit = numbers[index + 1], used = numbers[index + 2],
            reserved = numbers[index + 3], first = numbers[index + 4], wanted = numbers[index + 5],
        }
        if PERIOD[asks[j].kind] then limits[asks[j].kind] = asks[j].limit end
        index = index + 6
    end
    serve(KEYS[i], mode, sequence, asks, limits, answer)
end
return answer
