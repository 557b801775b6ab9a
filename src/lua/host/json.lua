local lt, h, k = ...
local value = k.value

lt.json = {
  encode = function(v) return value(h.json_encode(v)) end,
  decode = function(text)
    local decoded, why = value(h.json_decode(text))
    if why then return nil, why end
    return decoded -- alone, so that it can be an argument among others
  end,
  array = function(list) return value(h.json_array(list)) end,
  null = h.json_null,
}
