-- URLs, encodings, digests, tokens and made-up people.
local lt = require "loadtool"
local lines = {}
local function show(...)
  local parts = table.pack(...)
  for i = 1, parts.n do
    local part = parts[i]
    parts[i] = type(part) == "table" and lt.json.encode(part) or tostring(part)
  end
  lines[#lines + 1] = table.concat(parts, " ")
end

local function urls()
  show(lt.url.parse "https://ann:p%40w@shop.test:8443/a b?tag=1&tag=2&q=x+y#top")
  show(lt.url.parse "/cart?id=3")
  show(lt.url.parse "cart")
  show(lt.url.join("http://h/a/b", "../c?d=1"))
  show(lt.url.join("/a", "b"))
  show(lt.url.query { q = "x y", tag = { 1, 2.0, true } })
  show(lt.url.parse_query "q=x+y&tag=1&tag=2")
  show(lt.encode.form { name = "Ann & Bob" }, lt.encode.form_decode "a=%C3%A9&a=2")
end

local function digests()
  for _, name in ipairs { "md5", "sha1", "sha256", "sha384", "sha512" } do show(name, lt.crypto[name] "abc") end
  show(lt.crypto.sha256("abc", "base64"), lt.crypto.sha1("abc", "base64url"), #lt.crypto.md5("abc", "raw"))
  show(lt.crypto.hmac("sha256", "key", "The quick brown fox jumps over the lazy dog"))
  show(#lt.crypto.random_bytes(16), #lt.crypto.random_bytes(16, "raw"))
end

local function tokens()
  local jwt = lt.jwt
  local token = jwt.sign({ sub = "1234567890", admin = true }, "secret")
  show(token)
  show(jwt.decode(token, "secret"))
  show(jwt.decode(token, "Secret"))
  show(jwt.decode(token .. "x", "secret"))
  show(jwt.decode(token, "secret", { alg = "HS512" }))
  show(jwt.decode "a.b")
  local claims = jwt.decode(jwt.sign({}, "k", { expires_in = "1h" }))
  show(claims.exp - claims.iat)
  show(jwt.decode(jwt.sign({ exp = 1 }, "k"), "k") == nil, jwt.decode(jwt.sign({ exp = 1 }, "k"), "k", { check_time = false }))
  show((select(2, jwt.decode(jwt.sign({ nbf = lt.time.now() + 100 }, "k"), "k"))):gsub("%d+", "N"))
  for alg, name in pairs { ES256 = "ec", RS256 = "rsa", PS512 = "rsa" } do
    local private, public = { file = "keys/" .. name .. ".pem" }, { file = "keys/" .. name .. ".pub.pem" }
    local signed = jwt.sign({ sub = name }, private, { alg = alg, kid = "k1", headers = { typ = "at+jwt" } })
    local read, header = jwt.decode(signed, public)
    assert(read.sub == name and header.kid == "k1" and header.typ == "at+jwt" and header.alg == alg)
    assert(not jwt.decode(signed, { file = "keys/" .. (name == "ec" and "ec" or "rsa") .. ".pub.pem" }, { alg = "HS256" }))
    local _, why = jwt.decode(signed, "a secret")
    assert(why:find "but the key is no PEM text", why)
  end
end

local function people()
  local fake = lt.fake
  show(fake.name(), "|", fake.email(), "|", fake.street(), "|", fake.city(), "|", fake.phone())
  show(fake.name { locale = "de_de" }, "|", fake.words(4), "|", fake.words(2, { locale = "en" }))
  show(fake.sentence { locale = "fr_fr" })
end

return function()
  lines = {}
  urls()
  digests()
  tokens()
  people()
  lt.abort(table.concat(lines, "\n"))
end
