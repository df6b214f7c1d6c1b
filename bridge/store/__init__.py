"""The one database: schema, migrations, queries; the two dialects meet here."""
