-- One request on a connection of the user's own, then sleep: what a connected user costs. They begin
-- over SPREAD seconds; at once (0), the memory of 10,000 requests under way stays behind in pieces.
local lt = require "loadtool"
local spread = tonumber(lt.env.SPREAD or "0")

return function()
  lt.sleep(lt.random.float(0, spread))
  lt.http.get "/tiny"
  lt.sleep(600)
end
