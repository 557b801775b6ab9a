-- Every call of `lt` with each of its arguments wrong in turn: absent, of a type that no call takes
-- there, a table with a field that nothing has. What is raised names the call and the rule, at the
-- place of the call; "goes" marks what may be so.
local lt = require "loadtool"
local http, fake = lt.http, lt.fake
local pool = lt.data.csv "pool.csv"
local LIST = { { a = 1 } }
lt.data.json "pool.json"
lt.data.ndjson "pool.ndjson"
lt.data.rows(LIST)
local lines

local function shown(v)
  if type(v) == "table" then
    local keys = {}
    for key in pairs(v) do keys[#keys + 1] = tostring(key) end
    return "{" .. table.concat(keys, ",") .. "}"
  end
  return type(v) == "function" and "print" or tostring(v)
end

local function try(name, wrong, f, ...)
  local ok, e = pcall(f, ...)
  local told = "goes"
  if not ok then
    assert(type(e) == "table" and e.file == "mistakes.lua" and e.line, name .. ": " .. tostring(e))
    assert(e.category == "script" or name == "lt.expect", name)
    told = e.message
  end
  lines[#lines + 1] = ("%s %s: %s"):format(name, wrong, told:gsub("file [^ ]*/tests/", "file tests/"):gsub("%s*\n%s*", " / "))
end

-- The call's name, the function, arguments that are right.
local function spoil(name, f, ...)
  local n, given = select("#", ...), { ... }
  assert(type(f) == "function", name)
  try(name, "without arguments", f)
  for i = 1, n do
    local right = given[i]
    given[i] = type(right) ~= "function" and print or true
    try(name, "with a " .. type(given[i]) .. " as argument " .. i, f, table.unpack(given, 1, n))
    if type(right) == "table" and not rawequal(right, pool) and getmetatable(right) == nil then
      local wrong = {}
      for key, v in pairs(right) do wrong[key] = v end
      wrong.qwertz = print
      given[i] = wrong
      try(name, "with a field `qwertz` in argument " .. i, f, table.unpack(given, 1, n))
    end
    given[i] = right
  end
end

local function all()
  local r = http.get "/document"
  spoil("lt.secret", lt.secret, "BASE")
  spoil("lt.tag", lt.tag, "name_of_mine", "value")
  spoil("lt.check", lt.check, r, { status = 200 })
  spoil("lt.expect", lt.expect, r, { status = 200 })
  spoil("lt.matches", lt.matches, "a")
  spoil("lt.step", lt.step, "name", lt.time.now)
  spoil("lt.think", lt.think, 0.001, 0.002)
  spoil("lt.think", lt.think, { mean = 0.001, dist = "normal", max = 0.002 })
  spoil("lt.sleep", lt.sleep, 0.001)
  spoil("lt.poll", lt.poll, { every = 0.001, timeout = 0.002 }, function() return 1 end)
  spoil("lt.parallel", lt.parallel, { function() end })
  spoil("lt.time.iso8601", lt.time.iso8601, 0)
  for _, name in ipairs { "get", "head", "options", "delete", "post", "put", "patch" } do
    spoil("http." .. name, http[name], "/", { headers = {} })
  end
  spoil("http.request", http.request, "GET", "/", { timeout = 1 })
  spoil("http.batch", http.batch, { { "GET", "/" } }, { max_parallel = 2 })
  spoil("http.submit", http.submit, { action = "/echo", method = "get", fields = {} }, { headers = {} })
  local jar = http.cookies
  spoil("http.cookies:get", jar.get, jar, "/", "name")
  spoil("http.cookies:all", jar.all, jar, "/")
  spoil("http.cookies:set", jar.set, jar, "/", "name", "value", { path = "/" })
  spoil("http.cookies:clear", jar.clear, jar)
  spoil("r:json", r.json, r, "$.token")
  spoil("r:json_all", r.json_all, r, "$.token")
  spoil("r:regex", r.regex, r, "(a)", 1)
  spoil("r:regex_all", r.regex_all, r, "(a)", 1)
  spoil("r:header", r.header, r, "a")
  spoil("r:header_all", r.header_all, r, "a")
  spoil("r:cookie", r.cookie, r, "a")
  spoil("r:css", r.css, r, "a", "href")
  spoil("r:css_all", r.css_all, r, "a", "href")
  spoil("r:xpath", r.xpath, r, "//a", { x = "urn:x" })
  spoil("r:xpath_all", r.xpath_all, r, "//a", { x = "urn:x" })
  spoil("r:form", r.form, r, "form", { button = "button" })
  spoil("r:extract", r.extract, r, { token = "$.token" })
  local ex = lt.extract
  spoil("lt.extract.json", ex.json, "{}", "$.a")
  spoil("lt.extract.json_all", ex.json_all, "{}", "$.a")
  spoil("lt.extract.regex", ex.regex, "a", "(a)", 1)
  spoil("lt.extract.regex_all", ex.regex_all, "a", "(a)", 1)
  spoil("lt.extract.css", ex.css, "<a>", "a", "href")
  spoil("lt.extract.css_all", ex.css_all, "<a>", "a", "href")
  spoil("lt.extract.xpath", ex.xpath, "<a/>", "//a", { x = "urn:x" })
  spoil("lt.extract.xpath_all", ex.xpath_all, "<a/>", "//a", { x = "urn:x" })
  spoil("lt.extract.form", ex.form, "<form></form>", "form", "http://h/", { button = "button" })
  spoil("lt.data.csv", lt.data.csv, "pool.csv", { pick = "random" })
  spoil("lt.data.json", lt.data.json, "pool.json", { pick = "random" })
  spoil("lt.data.ndjson", lt.data.ndjson, "pool.ndjson", { pick = "random" })
  spoil("lt.data.rows", lt.data.rows, LIST, { pick = "random" })
  spoil("pool:next", pool.next, pool)
  spoil("pool:get", pool.get, pool, 1)
  local shared = lt.shared
  spoil("lt.shared.counter", shared.counter, "counter")
  spoil("lt.shared.queue", shared.queue, "queue", { max = 2 })
  spoil("lt.shared.map", shared.map, "map")
  spoil("lt.shared.once", shared.once, "key", lt.time.now, { ttl = "1s" })
  spoil("lt.shared.barrier", shared.barrier, "barrier", 1)
  spoil("lt.shared.limiter", shared.limiter, "limiter", "50/s")
  local counter, queue, map = shared.counter "c", shared.queue("q", { max = 99 }), shared.map "m"
  spoil("counter:add", counter.add, counter, 1)
  spoil("counter:get", counter.get, counter)
  spoil("queue:push", queue.push, queue, 1)
  spoil("queue:pop", queue.pop, queue, 0.001)
  spoil("map:get", map.get, map, "key")
  spoil("map:set", map.set, map, "key", 1)
  spoil("map:update", map.update, map, "key", function(v) return v end)
  spoil("barrier:wait", shared.barrier("b", 1).wait, shared.barrier("b", 1))
  spoil("limiter:wait", shared.limiter("l", "500/s").wait, shared.limiter("l", "500/s"))
  local metrics = lt.metrics
  spoil("lt.metrics.counter", metrics.counter, "mine_counted")
  spoil("lt.metrics.gauge", metrics.gauge, "mine_now")
  spoil("lt.metrics.rate", metrics.rate, "mine_share")
  spoil("lt.metrics.histogram", metrics.histogram, "mine_spread", { unit = "ms" })
  spoil("lt.metrics.timer", metrics.timer, "mine_timed")
  local metric, timer = metrics.counter "mine_counted", metrics.timer "mine_timed"
  spoil("metric:add", metric.add, metric, 1, { of = "mine" })
  spoil("timer:time", timer.time, timer, lt.time.now)
  spoil("lt.json.encode", lt.json.encode, { 1 })
  spoil("lt.json.decode", lt.json.decode, "1")
  spoil("lt.json.array", lt.json.array, { 1 })
  for _, name in ipairs { "base64", "base64url", "hex", "url" } do
    spoil("lt.encode." .. name, lt.encode[name], "6161")
    spoil("lt.encode." .. name .. "_decode", lt.encode[name .. "_decode"], "6161")
  end
  spoil("lt.encode.form", lt.encode.form, { a = 1 })
  spoil("lt.encode.form_decode", lt.encode.form_decode, "a=1")
  spoil("lt.url.parse", lt.url.parse, "http://h/")
  spoil("lt.url.join", lt.url.join, "http://h/", "a")
  spoil("lt.url.query", lt.url.query, { a = 1 })
  spoil("lt.url.parse_query", lt.url.parse_query, "a=1")
  for _, name in ipairs { "md5", "sha1", "sha256", "sha384", "sha512" } do
    spoil("lt.crypto." .. name, lt.crypto[name], "text", "hex")
  end
  spoil("lt.crypto.hmac", lt.crypto.hmac, "sha256", "key", "text", "hex")
  spoil("lt.crypto.random_bytes", lt.crypto.random_bytes, 4, "hex")
  spoil("lt.jwt.sign", lt.jwt.sign, { sub = "a" }, "key", { alg = "HS256" })
  spoil("lt.jwt.decode", lt.jwt.decode, "a.b.c", "key", { alg = "HS256" })
  spoil("lt.random.int", lt.random.int, 1, 2)
  spoil("lt.random.float", lt.random.float, 1, 2)
  spoil("lt.random.pick", lt.random.pick, { 1 })
  spoil("lt.random.weighted", lt.random.weighted, { a = 1 })
  spoil("lt.random.string", lt.random.string, 3, "abc")
  spoil("lt.random.shuffle", lt.random.shuffle, { 1 })
  spoil("lt.random.normal", lt.random.normal, 1, 1)
  spoil("lt.random.exponential", lt.random.exponential, 1)
  spoil("lt.fake.name", fake.name, { locale = "en" })
  spoil("lt.fake.words", fake.words, 2, { locale = "en" })
end

-- What is right in type, and wrong all the same.
local function values()
  for _, case in ipairs {
    { lt.tag, "step", "mine" }, { lt.tag, "", "x" }, { lt.crypto.sha256, "x", "bas64" }, { lt.crypto.hmac, "sha265", "k", "x" },
    { lt.crypto.random_bytes, 1 << 30 }, { lt.jwt.sign, { 1, 2 }, "k" }, { lt.jwt.sign, {}, "k", { alg = "RS257" } },
    { lt.jwt.sign, {}, "k", { alg = "RS256" } }, { lt.jwt.sign, {}, { file = "none.pem" }, { alg = "ES256" } },
    { lt.jwt.sign, {}, { file = "keys/ec.pub.pem" }, { alg = "ES256" } }, { lt.jwt.sign, {}, { file = "keys/rsa.pem" } },
    { lt.jwt.sign, {}, { file = "keys/rsa.pem" }, { alg = "HS256" } }, { lt.jwt.sign, {}, { fil = "x" } },
    { lt.jwt.sign, {}, "k", { headers = { alg = "none" } } }, { lt.jwt.sign, {}, "k", { expires_in = -1 } },
    { lt.jwt.sign, { f = print }, "k" }, { lt.fake.name, { locale = "de" } }, { lt.fake.words, 0 }, { lt.fake.words, 1.5 },
    { lt.fake.word, 3 }, { lt.url.query, { a = { {} } } }, { lt.url.query, { 1 } }, { lt.random.int, 2, 1 },
    { http.get, "/", { tags = { step = "mine" } } }, { http.get, "/", { timeout = 5000 } }, { lt.think, 2, 1 },
  } do
    local args = {}
    for i = 2, #case do args[i - 1] = shown(case[i]) end
    try("wrong", "(" .. table.concat(args, ", ") .. ")", case[1], table.unpack(case, 2))
  end
  try("lt", "fak", function() return lt.fak end)
  try("lt.fake", "nmae", function() return lt.fake.nmae() end)
  try("lt.crypto", "sha257", function() return lt.crypto.sha257 "x" end)
  try("lt.url", "= 1", function() lt.url.parse = 1 end)
end

return function()
  if lt.vu.iteration > 0 then return end
  lines = {}
  all()
  values()
  lt.abort(table.concat(lines, "\n"))
end
