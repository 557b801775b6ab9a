-- Every method and every option that makes a request.
local lt = require "loadtool"
local http = lt.http

local out = {}
local function show(label, r)
  local e = r:json()
  local headers = {}
  for name, value in pairs(e.headers) do headers[#headers + 1] = name .. "=" .. value end
  table.sort(headers)
  out[#out + 1] = ("%s: %s %s [%s] %q"):format(label, e.method, e.uri, table.concat(headers, "; "), e.body)
end

return function()
  out = {}
  for _, method in ipairs { "get", "post", "put", "patch", "delete", "options" } do
    show(method, http[method]("/echo"))
  end
  local head = http.head "/echo"
  out[#out + 1] = ("head: %d %q"):format(head.status, head.body)
  show("request", http.request("PROPFIND", "/echo"))

  show("query", http.get("/echo?a=1", { query = { b = { 1, 2 }, c = "x y&z", d = 10 / 2, e = true } }))
  show("path", http.get("/echo/{id}/items/{name}", { path = { id = 7, name = "a/b" } }))
  show("headers", http.get("/echo", { headers = { ["X-One"] = "1", ["X-Two"] = { "a", "b" } } }))
  show("json", http.post("/echo", { json = { n = 10 / 2, list = lt.json.array {}, none = lt.json.null } }))
  show("form", http.post("/echo", { form = { user = "a b", tags = { "x", "y" } } }))
  show("body", http.post("/echo", { body = "raw", headers = { ["content-type"] = "text/plain" } }))
  show("basic", http.get("/echo", { auth = { basic = { "user", "pass" } } }))
  show("bearer", http.get("/echo", { auth = { bearer = "t" } }))
  show("named", http.get("/echo/123", { name = "the echo", tags = { kind = "test", n = 1 } }))
  show("folded", http.get "/echo/123/x")
  show("absolute", http.get(lt.env.BASE .. "/echo"))
  lt.abort(table.concat(out, "\n"))
end
