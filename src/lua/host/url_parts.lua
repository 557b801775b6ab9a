local lt, h, k = ...
local value = k.value

-- What cannot be read is nil and a message; the value alone, so that it can be an argument.
local function found(it, why)
  if why then return nil, why end
  return it
end

lt.url = {
  parse = function(url) return found(value(h.url_parse(url))) end,
  join = function(base, url) return found(value(h.url_join(base, url))) end,
  query = function(fields) return value(h.encode_form("lt.url.query", fields)) end,
  parse_query = function(text) return value(h.decode_form("lt.url.parse_query", text)) end,
}
