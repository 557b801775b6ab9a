local lt, h, k = ...
local value, draw = k.value, h.fake

-- `lt.fake.city([options])`; texts of several words or sentences take their number first.
lt.fake = {}
for _, name in ipairs(h.fake_kinds) do
  lt.fake[name] = function(options) return value(draw(name, nil, options)) end
end
for _, name in ipairs(h.fake_texts) do
  lt.fake[name] = function(n, options)
    if type(n) == "table" then n, options = nil, n end
    return value(draw(name, n, options))
  end
end
