extension RangeSyntax {
    /// Reads an annotation's list of address ranges.
    /// - Parameter takesAll: whether "*" is everything; else it is invalid.
    /// - Throws: a sentence that names the invalid item.
    func read(_ text: String, takesAll: Bool) throws(InvalidValue) -> Selection<CIDR> {
        if text == "*" && takesAll { return .all }
        if text.isEmpty && takesEmpty { return .listed([]) }
        var result: [CIDR] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let item = trimsItems ? String(item).trimmed : String(item)
            if item.isEmpty && skipsEmpty { continue }
            guard addresses || item.contains("/") else {
                throw InvalidValue("\"\(item)\" is not an address range; write one with its length, like 10.0.0.0/8")
            }
            result.append(try CIDR(masking: item))
        }
        return .listed(result)
    }
}
