-- HTML, XML, forms, and lt.extract over texts.
local lt = require "loadtool"
local http, ex = lt.http, lt.extract

local out = {}
local function p(label, ...)
  local parts = table.pack(...)
  for i = 1, parts.n do
    local v = parts[i]
    if type(v) == "table" then v = lt.json.encode(v) end
    parts[i] = tostring(v)
  end
  out[#out + 1] = label .. ": " .. table.concat(parts, ", ")
end

local HTML = [[<h1>Shop</h1><ul><li data-id=1>Lamp <b>new</b></li><li data-id=2>Tent</li></ul>]]
local XML = [[<shop xmlns:s="urn:s"><item id="1"><name>Lamp</name></item><item id="2" s:left="3"/></shop>]]
local FEED = [[<feed xmlns="urn:atom"><title>News</title></feed>]]
local FORM = [[<base href="/v2/"><form id=f action="save?x=1#top" method=post>
  <input type=hidden name=csrf value=t0k><input name=tag value=a><input name=tag value=b>
  <textarea name=note>one
two</textarea><button name=go value=yes>Go</button></form>]]

return function()
  out = {}
  local page = http.get "/page"
  p("css", page:css "a", page:css("a", "href"), page:css("input[name=csrf]", "value"))
  p("css_all", page:css_all "a", page:css_all("a", "href"), page:css_all "h1")
  p("no match", page:css "h1")
  p("no attribute", page:css("a", "title"))
  p("not XML", page:xpath "//a")
  p("form", page:form())
  p("no form", page:form "#none")
  p("extract", page:extract {
    csrf = { css = "[name=csrf]", attr = "value" }, links = { css = "form" }, n = { regex = "/p/(\\d)", group = 1 },
  })

  p("text", ex.css(HTML, "h1"), ex.css_all(HTML, "li"), ex.css(HTML, "li:nth-child(2)", "data-id"))
  p("text, no match", ex.css(HTML, "h2"))
  p("xpath", ex.xpath(XML, "//name"), ex.xpath(XML, "count(//item)"), ex.xpath(XML, "sum(//@id) div 2"),
    ex.xpath(XML, "boolean(//x)"), ex.xpath(XML, "string(//item/@id)"))
  p("xpath_all", ex.xpath_all(XML, "//@id"), ex.xpath_all(XML, "//none"), ex.xpath_all(XML, "1 + 1"))
  p("prefixes", ex.xpath(XML, "//@s:left"), ex.xpath(XML, "//@t:left", { t = "urn:s" }))
  p("default namespace", ex.xpath(FEED, "//title"))
  p("with a prefix", ex.xpath(FEED, "//a:title", { a = "urn:atom" }))
  p("xml", ex.xpath_all("<a>", "//a"))
  p("json", ex.json('{"a":[1,2]}', "$.a[1]"), ex.json_all('{"a":[1,2]}', "$.a[*]"), ex.json("7"))
  p("json, no match", ex.json("{}", "$.a"))
  p("regex", ex.regex("id=7", "id=(\\d)"), ex.regex_all("a1b2", "\\d"))
  p("deep", ex.json(("["):rep(10000)))
  p("deep", ex.json(("["):rep(10000), "$[0]"))
  p("deep", ex.css_all(("<div>"):rep(100000), "div"))
  p("deep", ex.xpath(("<a>"):rep(100000), "//a"))
  p("deep", ex.form(("<form><div>"):rep(10000)))
  p("large", #ex.json_all("[" .. ("7,"):rep(20000) .. "8]", "$[*]"))
  p("form of a text", ex.form(FORM, "#f"))
  p("with its URL", ex.form(FORM, "#f", "http://h/a/b", { button = "[name=go]" }))

  local form = page:form("form")
  form.action, form.fields.csrf = "/echo?gone=1#f", "typed in"
  p("get", http.submit(form):json "$.uri")
  form = ex.form(FORM, "form", "http://h/")
  form.action = page.url:gsub("/page", "/echo/{id}?keep=1")
  form.fields.tag[3] = "c"
  local sent = http.submit(form, { headers = { ["x-a"] = "1" }, query = { q = 1 }, name = "save" })
  p("post", sent:json "$")
  p("name", sent.request.name)
  form.enctype = "multipart/form-data"
  form.fields = { text = "1\n2", tags = { "p", "q" }, file = { value = "<b>", filename = "b.html" } }
  local body = http.submit(form):json "$.body"
  p("parts", (body:gsub("%-%-[%w%-]+", "--"):gsub("\r", "\\r"):gsub("\n", "\\n")))
  lt.abort(table.concat(out, "\n"))
end
