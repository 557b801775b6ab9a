-- lt.extract: the extractors over texts that came from elsewhere.
local lt, h, k = ...
local value = k.value

lt.extract = {}
for _, name in ipairs { "json", "json_all", "regex", "regex_all", "css", "css_all", "xpath", "xpath_all", "form" } do
  local raw = h["extract_" .. name]
  lt.extract[name] = function(text, a, b, c)
    local found, why = value(raw(text, a, b, c))
    if why then return found, why end
    return found -- alone, so that it can be an argument among others
  end
end
