local lt, h, k = ...
local await, value, raise, call = k.await, k.value, k.raise, h.http_call

local http = {}

function http.get(url, options) return await(call("GET", url, options)) end
function http.head(url, options) return await(call("HEAD", url, options)) end
function http.options(url, options) return await(call("OPTIONS", url, options)) end
function http.delete(url, options) return await(call("DELETE", url, options)) end
function http.post(url, options) return await(call("POST", url, options)) end
function http.put(url, options) return await(call("PUT", url, options)) end
function http.patch(url, options) return await(call("PATCH", url, options)) end
function http.request(method, url, options) return await(call(method, url, options)) end
function http.batch(list, options) return await(h.http_batch(list, options)) end

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
