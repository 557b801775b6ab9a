local lt, h, k = ...
local value = k.value

-- A function of the author's from a raw one that gives a message first.
local function raising(raw)
  return function(...) return value(raw(...)) end
end

lt.random = {
  int = raising(h.random_int),
  float = raising(h.random_float),
  weighted = raising(h.random_weighted),
  string = raising(h.random_string),
  uuid = raising(h.random_uuid),
  shuffle = raising(h.random_shuffle),
  normal = raising(h.random_normal),
  exponential = raising(h.random_exponential),
}

function lt.random.pick(list)
  local index = value(h.random_index(list))
  if index == 0 then return nil, "the list is empty" end
  return list[index]
end
