"""Reports: `record` collects what is shown, `render` puts it on paper. No figure is computed in a template."""
