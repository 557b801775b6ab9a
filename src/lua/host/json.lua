local lt, h, k = ...
local value = k.value

lt.json = {
  encode = function(v) return value(h.json_encode(v)) end,
  decode = function(text) return value(h.json_decode(text)) end,
  array = function(list) return value(h.json_array(list)) end,
  null = h.json_null,
}
