local lt, h, k = ...
local receive, value, raise, keep, call, judged = k.receive, k.value, k.raise, k.keep, h.http_call, h.http_judged

local http = {}

function http.get(url, options) return receive(call("GET", url, options)) end
function http.head(url, options) return receive(call("HEAD", url, options)) end
function http.options(url, options) return receive(call("OPTIONS", url, options)) end
function http.delete(url, options) return receive(call("DELETE", url, options)) end
function http.post(url, options) return receive(call("POST", url, options)) end
function http.put(url, options) return receive(call("PUT", url, options)) end
function http.patch(url, options) return receive(call("PATCH", url, options)) end
function http.request(method, url, options) return receive(call(method, url, options)) end
function http.batch(list, options) return receive(h.http_batch(list, options)) end

-- Functions that say whether an answer was expected: asked when it is there, all of a batch even if
-- one of them fails. A call that is cut off meanwhile is closed without a verdict.
local cut_off = { __close = function(open)
  for _, call in ipairs(open) do judged(call[2], call[1]) end
end }

h.http_judge(function(result, open)
  local failed, e = false, nil
  local _ <close> = setmetatable(open, cut_off)
  for _, call in ipairs(open) do
    local ok, verdict = xpcall(call[3], keep, call[1])
    judged(call[2], call[1], ok and verdict and true or false)
    if not ok and not failed then failed, e = true, verdict end
  end
  if failed then return error(e, 0) end
  return result
end)

-- The user's jar; a method that is called with a dot has lost its first argument.
local cookies = {}
for _, name in ipairs { "get", "all", "set", "clear" } do
  local raw = h["cookies_" .. name]
  cookies[name] = function(self, ...)
    if self ~= http.cookies then return raise("call http.cookies:" .. name .. "(…) with a colon") end
    return value(raw(...))
  end
end
http.cookies = k.readonly(cookies)

lt.http = http
