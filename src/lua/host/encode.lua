local lt, h, k = ...
local value = k.value

lt.encode = {}
for _, codec in ipairs { "base64", "base64url", "hex", "url" } do
  local encode, decode = h["encode_" .. codec], h["decode_" .. codec]
  lt.encode[codec] = function(text) return value(encode(text)) end
  lt.encode[codec .. "_decode"] = function(text)
    local decoded, why = value(decode(text))
    if why then return nil, why end
    return decoded
  end
end

function lt.encode.form(fields) return value(h.encode_form("lt.encode.form", fields)) end
function lt.encode.form_decode(text) return value(h.decode_form("lt.encode.form_decode", text)) end
