//! Statements in our own words for the hot paths.
//!
//! Diesel prepares an `UPDATE`, an `ON CONFLICT … DO UPDATE` and an insert of many rows anew each time. These carry a
//! static query id and are prepared once per connection. Many rows go to PostgreSQL as one array per column, so that
//! the statement stays the same whatever their number; SQLite, in process, takes them one by one.

/// What a statement of ours needs to be run on PostgreSQL, besides its fragment: its type, the same with `'static`, and the
/// SQL type of a row that it answers. One whose words are always the same is found prepared without writing them out.
macro_rules! answers {
    ($name:ty, $named:ty => $answer:ty, always_the_same: $same:literal) => {
        impl diesel::query_builder::QueryId for $name {
            type QueryId = $named;
            const HAS_STATIC_QUERY_ID: bool = $same;
        }
        impl diesel::query_builder::Query for $name {
            type SqlType = $answer;
        }
        impl diesel::RunQueryDsl<diesel::pg::PgConnection> for $name {}
    };
}
pub(super) use answers;

/// A statement about one row, for both databases: texts and the row's fields in turns, then the last text. Its fragment can
/// also be part of a greater statement.
macro_rules! one_row {
    ($vis:vis $name:ident($row:ty) = $($sql:literal $field:ident : $type:ty),+ ; $end:literal) => {
        $vis struct $name<'a>($vis &'a $row);

        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }
        impl<C> diesel::RunQueryDsl<C> for $name<'_> {}
        $crate::store::statement::one_row!(@for diesel::pg::Pg, $name = $($sql $field : $type),+ ; $end);
        $crate::store::statement::one_row!(@for diesel::sqlite::Sqlite, $name = $($sql $field : $type),+ ; $end);
    };
    (@for $backend:ty, $name:ident = $($sql:literal $field:ident : $type:ty),+ ; $end:literal) => {
        impl diesel::query_builder::QueryFragment<$backend> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, $backend>,
            ) -> diesel::QueryResult<()> {
                $(
                    out.push_sql($sql);
                    out.push_bind_param::<$type, _>(&self.0.$field)?;
                )+
                out.push_sql($end);
                Ok(())
            }
        }
    };
}
pub(super) use one_row;

/// A PostgreSQL statement about many rows: the arrays of their fields stand between `head` and `tail`. With
/// `returning` it answers rows of that SQL type. Its fragment can also be part of a greater statement.
///
/// The first array stands in a subquery, behind which PostgreSQL does not see how long it is. Seeing it, it would find a
/// plan made for that length cheaper than the one it has, and plan at every execution, which costs more than the rest.
macro_rules! many_rows {
    ($vis:vis $name:ident($row:ty) = $head:literal [$($field:ident : $rust:ty => $type:ty),+] $tail:literal
        returning $returning:ty) => {
        $vis struct $name<'a> {
            $($field: Vec<&'a $rust>),+
        }

        impl<'a> $name<'a> {
            $vis fn new(rows: &[&'a $row]) -> Self {
                Self { $($field: rows.iter().map(|row| &row.$field).collect()),+ }
            }
        }
        $crate::store::statement::answers!($name<'_>, $name<'static> => $returning, always_the_same: true);
        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                out.push_sql($head);
                let (mut before, mut behind) = ("(SELECT ", ")");
                $(
                    out.push_sql(before);
                    out.push_bind_param::<diesel::sql_types::Array<$type>, _>(&self.$field)?;
                    out.push_sql(behind);
                    (before, behind) = (", ", "");
                )+
                let _ = (before, behind);
                out.push_sql($tail);
                Ok(())
            }
        }
    };
}
pub(super) use many_rows;
