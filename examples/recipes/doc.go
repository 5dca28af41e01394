// Package recipes holds the code of docs/recipes.md, one file for each recipe. All of it is run as tests.
package recipes
