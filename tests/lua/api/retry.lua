-- Options by level: the call's go over the scenario's, these over the definition's.
local lt = require "loadtool"
local http = lt.http
local out = {}

local function note(...) out[#out + 1] = table.concat({ ... }, " ") end

local function told(what, r)
  note(what, r.status, r.ok and "ok" or "failed", r.error and r.error.category or "")
end

local function run()
  out = {}
  local id = lt.random.string(12)
  local function flaky(failures) return { path = { id = id, n = failures } } end
  local function with(failures, options)
    local all = flaky(failures)
    for name, value in pairs(options) do all[name] = value end
    id = lt.random.string(12)
    return all
  end

  told("the scenario's retry", http.get("/flaky/{id}/{n}", with(2, {})))
  told("one failure too many", http.get("/flaky/{id}/{n}", with(3, { name = "/hopeless" })))
  told("the call's own", http.post("/flaky/{id}/{n}", with(3, { name = "/own", retry = { times = 3, on = "5xx", backoff = 0 } })))
  told("none", http.get("/flaky/{id}/{n}", with(1, { name = "/none", retry = false })))
  told("nobody listens", http.get(lt.env.DEAD, { name = "/dead", retry = { times = 1, backoff = "1ms" } }))
  told("the scenario's function", http.get "/status/404")
  told("the call's status", http.get("/status/404", { expect_status = 200, name = "/strict" }))
  told("the call's function", http.get("/status/404", { expect_status = function(r) return r:json "$.error" == nil end, name = "/own function" }))
  for n, r in ipairs(http.batch { "/status/404", { "GET", "/flaky/{id}/{n}", with(1, {}) } }) do told("batch " .. n, r) end
  lt.abort(table.concat(out, "\n"))
end

return {
  http = { retry = { times = 1 }, expect_status = function() error "never asked" end },
  scenarios = {
    default = {
      run = run,
      http = {
        retry = { times = 2, on = { "connect", 503 }, backoff = "1ms" },
        expect_status = function(r) return r.status == 404 or r.status == 200 end,
        max_parallel = 1,
      },
    },
  },
}
