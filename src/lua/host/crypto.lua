local lt, h, k = ...
local value = k.value

lt.crypto = {
  hmac = function(algorithm, key, text, form) return value(h.crypto_hmac(algorithm, key, text, form)) end,
  random_bytes = function(n, form) return value(h.crypto_random_bytes(n, form)) end,
}
for _, name in ipairs { "md5", "sha1", "sha256", "sha384", "sha512" } do
  local digest = h["crypto_" .. name]
  lt.crypto[name] = function(text, form) return value(digest(text, form)) end
end
