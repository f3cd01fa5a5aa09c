/// Finds what was likely meant by a misspelt word.
public enum Spelling {
    /// The candidate with the fewest changed letters, when these are at most a third of the word, or one or two.
    public static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let limit = max(2, word.count / 3)
        return candidates.map { (distance: distance(word.lowercased(), $0.lowercased()), candidate: $0) }
            .filter { $0.distance <= limit && $0.distance < $0.candidate.count }
            .min { ($0.distance, $0.candidate) < ($1.distance, $1.candidate) }?.candidate
    }

    /// Levenshtein's distance: how many letters to insert, delete or replace.
    static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (index, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let above = row[column + 1]
                row[column + 1] = min(above + 1, row[column] + 1, diagonal + (character == right[column] ? 0 : 1))
                diagonal = above
            }
        }
        return row[right.count]
    }
}
