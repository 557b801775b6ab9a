-- lt.tag: until the iteration ends, over the definition's and under the call's own.
local lt = require "loadtool"

local function run()
  lt.http.get "/"
  lt.tag("plan", "free")
  lt.tag("n", 2.0)
  lt.http.get "/"
  lt.step("pay", function()
    lt.tag("plan", "premium")
    lt.http.get "/"
  end)
  lt.http.get("/", { tags = { plan = "trial" } })
  lt.check(1, { done = true })
  if lt.vu.iteration == 1 then lt.abort "done" end
end

return run
