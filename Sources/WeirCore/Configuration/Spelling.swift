/// Finds what was likely meant by a misspelt word.
public enum Spelling {
    /// The candidate with the fewest changed letters, when these are at most a third of the word, or one or two.
    public static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        // Nobody misspells a word at such length, and each letter costs a row.
        guard word.utf8.count <= 200 else { return nil }
        let limit = max(2, word.count / 3)
        return candidates.map { (distance: distance(word.lowercased(), $0.lowercased()), candidate: $0) }
            .filter { $0.distance <= limit && $0.distance < $0.candidate.count }
            .min { ($0.distance, $0.candidate) < ($1.distance, $1.candidate) }?.candidate
    }

    /// Whether at most so many letters, of ASCII, differ. Of names that are not nearly alike it looks at few letters, so
    /// that many names of others cost little.
    static func isNear(_ left: [UInt8], _ right: [UInt8], within limit: Int) -> Bool {
        guard abs(left.count - right.count) <= limit else { return false }
        let far = limit + 1
        // Only the diagonal and its neighbours can stay below the limit.
        var row = (0...right.count).map { min($0, far) }
        for index in left.indices {
            var next = [Int](repeating: far, count: right.count + 1)
            if index + 1 <= limit { next[0] = index + 1 }
            let columns = max(0, index - limit)..<min(right.count, index + limit + 1)
            var least = next[0]
            for column in columns {
                let change = row[column] + (left[index] == right[column] ? 0 : 1)
                next[column + 1] = min(change, row[column + 1] + 1, next[column] + 1, far)
                least = min(least, next[column + 1])
            }
            if least >= far { return false }
            row = next
        }
        return row[right.count] <= limit
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
