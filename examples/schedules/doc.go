// Package schedules runs workers by the schedules of other modules, which plug in as they are: parsers of cron expressions, and
// whatever else has a method Next. It is the code of a recipe in docs/recipes.md, and run as tests.
package schedules
