package worker_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What CONTRIBUTING.md asks of the source, where only the source can tell.

// source is the parsed package, without its tests.
type source struct {
	files *token.FileSet
	all   []*ast.File
}

func parse(t *testing.T) source {
	t.Helper()
	s := source{files: token.NewFileSet()}
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(s.files, name, nil, 0)
		require.NoError(t, err)
		s.all = append(s.all, file)
	}

	return s
}

// functions returns the declared ones, methods of one receiver type or, where that is empty, all.
func (s source) functions(receiver string) map[string]*ast.FuncDecl {
	found := map[string]*ast.FuncDecl{}
	for _, file := range s.all {
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			of := ""
			if function.Recv != nil {
				of = strings.TrimPrefix(textOfType(function.Recv.List[0].Type), "*")
			}
			if receiver == "" {
				found[of+"."+function.Name.Name] = function
			} else if of == receiver {
				found[function.Name.Name] = function
			}
		}
	}

	return found
}

func textOfType(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.StarExpr:
		return "*" + textOfType(e.X)
	case *ast.Ident:
		return e.Name
	case *ast.ParenExpr:
		return textOfType(e.X)
	default:
		return ""
	}
}

// TestEachStepNamesTheNextOneFirst: user code that ends the goroutine in a step must not make the worker repeat it.
func TestEachStepNamesTheNextOneFirst(t *testing.T) {
	s := parse(t)
	steps := map[string]bool{}
	for _, file := range s.all {
		ast.Inspect(file, func(node ast.Node) bool {
			if selector, ok := node.(*ast.SelectorExpr); ok && textOfType(selector.X) == "*supervisor" {
				steps[selector.Sel.Name] = true
			}
			return true
		})
	}
	require.GreaterOrEqual(t, len(steps), 10)

	methods := s.functions("supervisor")
	for step := range steps {
		require.Contains(t, methods, step)
		assignment, ok := methods[step].Body.List[0].(*ast.AssignStmt)
		if assert.True(t, ok, "%s does not begin with what follows", step) {
			target, ok := assignment.Lhs[0].(*ast.SelectorExpr)
			assert.True(t, ok && target.Sel.Name == "next", "%s does not begin with what follows", step)
		}
	}
}

func TestFunctionsStayShort(t *testing.T) {
	const most = 40
	s := parse(t)
	for name, function := range s.functions("") {
		lines := s.files.Position(function.End()).Line - s.files.Position(function.Pos()).Line + 1
		assert.LessOrEqual(t, lines, most, name)
	}
}

// TestFieldsAreDeclaredWhereTheyAre: the two great structs embed nothing, so each of their fields has a declaration in sight.
func TestFieldsAreDeclaredWhereTheyAre(t *testing.T) {
	s := parse(t)
	for _, file := range s.all {
		ast.Inspect(file, func(node ast.Node) bool {
			declared, ok := node.(*ast.TypeSpec)
			if !ok || declared.Name.Name != "supervisor" && declared.Name.Name != "generation" {
				return true
			}
			for _, field := range declared.Type.(*ast.StructType).Fields.List {
				assert.NotEmpty(t, field.Names, "%s embeds %s", declared.Name.Name, textOfType(field.Type))
			}
			return true
		})
	}
}

// TestEachFileHasAPlaceInTheLayout compares CONTRIBUTING.md with the directory.
func TestEachFileHasAPlaceInTheLayout(t *testing.T) {
	text := read(t, "CONTRIBUTING.md")
	s := parse(t)
	for _, file := range s.all {
		assert.Contains(t, text, "`"+s.files.Position(file.Pos()).Filename+"`")
	}
	for _, name := range regexp.MustCompile("`([a-z_]+\\.go)`").FindAllStringSubmatch(text, -1) {
		assert.FileExists(t, name[1])
	}
}
