//! Plain-text tables: a label column on the left, figures to the right.

pub(super) use crate::quantity::{bytes, grouped, percent};

/// Rows of cells; the first row is the header. Columns are as wide as their widest cell.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let mut line = String::from("  ");
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            line += &if column == 0 {
                format!("{cell}{padding}")
            } else {
                format!("   {padding}{cell}")
            };
        }
        text += line.trim_end();
        text.push('\n');
        if index == 0 {
            let total = widths.iter().sum::<usize>() + 3 * columns.saturating_sub(1);
            text += &format!("  {}\n", "─".repeat(total));
        }
    }
    text
}

/// The same in Markdown. Rows that are too short get empty cells.
pub(super) fn markdown_table(rows: &[Vec<String>]) -> String {
    let width = rows[0].len();
    let line = |row: &Vec<String>| {
        let mut cells = row.clone();
        cells.resize(width, String::new());
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = format!("|---{}|\n", "|---:".repeat(width - 1));
    let body: String = rows[1..].iter().map(line).collect();
    line(&rows[0]) + &rule + &body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows =
            [["", "a", "long"], ["label", "100", "1"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            table(&rows),
            "            a   long\n  ──────────────────\n  label   100      1\n"
        );
    }
}
