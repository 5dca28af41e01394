package workerhttp

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
)

//go:embed assets
var files embed.FS

// asset is one file of the page.
type asset struct {
	contentType string
	body        []byte
}

// assetTypes are written out because the types that package mime knows depend on the machine.
var assetTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
}

// loadAssets returns the embedded files by the path that serves them.
func loadAssets() map[string]asset {
	assets := map[string]asset{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}

		body, err := files.ReadFile(name)
		assets["/"+name] = asset{contentType: assetTypes[path.Ext(name)], body: body}

		return err
	})
	if err != nil {
		panic(err) // embedded files can always be read
	}

	return assets
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	write(w, r, http.StatusOK, a.contentType, a.body)
}
