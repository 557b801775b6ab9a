-- One request on a connection of the user's own, then sleep: what a connected user costs.
local lt = require "loadtool"

return function()
  lt.http.get "/tiny"
  lt.sleep(600)
end
