local lt, h, k = ...
local value = k.value

lt.jwt = {
  sign = function(claims, key, options) return value(h.jwt_sign(claims, key, options)) end,
  decode = function(token, key, options)
    local claims, header, why = value(h.jwt_decode(token, key, options))
    if why then return nil, why end
    return claims, header
  end,
}
