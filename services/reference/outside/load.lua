-- Signs over and over: asks for a code, reads it in the outbox, answers it. Each thread has one
-- connection, users of its own and records of its own, so that no budget stands in the way.

local RECORDS = 250 -- of each thread
local USERS = 200000 -- of each thread
local threads = {}

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

function init(args)
    outbox = io.open(args[1], "r")
    first_user = tonumber(args[2]) + number * USERS
    turn, issued, accepted, faults = 0, 0, 0, 0
    fault = ""
    pending, rest = nil, ""
end

local function ask(route, more)
    local record = number * RECORDS + turn % RECORDS + 1
    local body = string.format(
        '{"params":{"model":"loan.application","field":"client_signature","id":%d%s}}', record, more)
    local headers = {
        ["Content-Type"] = "application/json",
        ["X-Demo-User"] = tostring(first_user + turn),
    }
    return wrk.format("POST", "/api/esms_otp/" .. route, headers, body)
end

-- The line is there before the answer to Send is; those of other threads lie between.
local function code_to(mobile)
    outbox:seek("cur") -- else the end of the file that was met once stays
    rest = rest .. outbox:read("*a")
    local found, last = nil, 1
    for line, after in rest:gmatch("([^\n]*)\n()") do
        if line:match('"to":%s*"(%d+)"') == mobile then
            found = line:match("[^%d](%d%d%d%d%d%d)[^%d]")
        end
        last = after
    end
    rest = rest:sub(last)
    return found
end

function request()
    if pending then
        return ask("verify_esms_otp", string.format(',"otp":"%s"', pending))
    end
    return ask("send_esms_otp", "")
end

function response(status, headers, body)
    local good = status == 200 and body:find('"status":%s*200[,}]') ~= nil
    if not good then
        faults = faults + 1
        fault = body
    end
    if pending then
        accepted = accepted + (good and 1 or 0)
        pending, turn = nil, turn + 1
    elseif good then
        issued = issued + 1
        pending = code_to(body:match('"recipient_mobile":%s*"(%d+)"'))
    else
        turn = turn + 1
    end
end

function done(summary, latency)
    local sums = { issued = 0, accepted = 0, faults = 0 }
    local last = ""
    for _, thread in ipairs(threads) do
        for name, sum in pairs(sums) do
            sums[name] = sum + thread:get(name)
        end
        if thread:get("fault") ~= "" then
            last = thread:get("fault")
        end
    end
    local errors = summary.errors
    io.write(string.format(
        'RESULT {"issued":%d,"accepted":%d,"faults":%d,"errors":%d,"seconds":%.3f,"requests":%d,' ..
        '"p50":%d,"p90":%d,"p99":%d,"max":%d}\n',
        sums.issued, sums.accepted, sums.faults,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        summary.duration / 1e6, summary.requests, latency:percentile(50), latency:percentile(90),
        latency:percentile(99), latency.max))
    io.write("FAULT " .. last .. "\n")
end
