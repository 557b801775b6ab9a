local lt, h, k = ...
local value, raise, field, cell = k.value, k.raise, h.vu_field, k.cell

local vu = setmetatable({}, {
  __index = function(_, key)
    if key ~= "vars" then return value(field(key)) end
    local mine = cell()
    local vars = mine.vars
    if not vars then
      vars = {}
      mine.vars = vars
    end
    return vars
  end,
  __newindex = function() return raise "lt.vu is read-only; a user's own memory is lt.vu.vars" end,
  __metatable = false,
})
k.frozen[vu] = true
lt.vu = vu

lt.env = h.vu_env

function lt.secret(name)
  local found = value(h.vu_secret(name))
  if found == nil then return nil, "no --env " .. name .. " was given" end
  return found
end

function lt.tag(name, v)
  local refused = h.vu_tag(name, v)
  if refused then return raise(refused) end
end
