local lt, h, k = ...
local value, await, raise, type = k.value, k.await, k.raise, type
local open, again = h.poll_open, h.poll_again

local closing = { __close = function(poll, e) h.poll_close(poll.raw, poll.found, e ~= nil) end }

function lt.poll(options, fn)
  if type(fn) ~= "function" then return raise("lt.poll needs options and a function, got " .. k.described(fn)) end
  local poll <close> = setmetatable({ raw = value(open(options)), found = false }, closing)
  while true do
    local found = fn()
    if found ~= nil then
      poll.found = true
      return found
    end
    local why = value(again(poll.raw))
    if why then return nil, why end
    await()
  end
end
