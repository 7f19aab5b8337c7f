-- One workload for wrk: WORKLOAD names it, RUN makes the names of new items unique.
local workload = os.getenv("WORKLOAD")
local run = os.getenv("RUN")
local base = os.getenv("BASE")
local rows = 1000
local made = 0

local function body(method, path, text)
    return wrk.format(method, path, { ["Content-Type"] = "application/json" }, text)
end

local function item()
    made = made + 1
    return string.format('{"name":"%s-%d","category":"bench","quantity":1}', run, made)
end

local function get()
    return wrk.format("GET", base .. "/" .. math.random(rows))
end

local function update()
    return body("PATCH", base .. "/" .. math.random(rows), '{"quantity":' .. math.random(1000) .. "}")
end

local requests = {
    get = get,
    list = function() return wrk.format("GET", base .. "?limit=100") end,
    post = function() return body("POST", base, item()) end,
    update = update,
    bulk = function()
        local items = {}
        for number = 1, 1000 do items[number] = item() end
        return body("POST", base .. "/bulk", "[" .. table.concat(items, ",") .. "]")
    end,
    mixed = function() return math.random(10) == 1 and update() or get() end,
    -- The peer has no endpoint for one row by its key: the most similar one reads a list of one.
    ["peer get"] = function() return wrk.format("GET", base .. "/?limit=1") end,
    ["peer list"] = function() return wrk.format("GET", base .. "/?limit=100") end,
    ["peer post"] = function() return body("PUT", base .. "/", item()) end,
}

function setup(thread) math.randomseed(1) end

request = requests[workload]

function done(summary, latency, _)
    local errors = summary.errors
    print(string.format(
        'RESULT {"requests": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50": %.6f, "p99": %.6f}',
        summary.requests, summary.duration / 1e6, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1e6, latency:percentile(99) / 1e6))
end
