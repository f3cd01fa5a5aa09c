extension PortSyntax {
    /// Reads an annotation's list of ports.
    /// - Parameters:
    ///   - takesAll: whether "*" is everything; else it is invalid.
    ///   - ignored: gets a sentence for each invalid item that the mesh goes on without.
    /// - Throws: a sentence that names the invalid item.
    func read(_ text: String, takesAll: Bool, ignored: inout [String]) throws(InvalidValue) -> Selection<PortRange> {
        if text == "*" && takesAll { return .all }
        let text = trimsItems ? text.trimmed : text
        if text.isEmpty && takesEmpty { return .listed([]) }
        var ports: [PortRange] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let item = trimsItems ? String(item).trimmed : String(item)
            if item.isEmpty && skipsEmpty { continue }
            do {
                ports.append(try readItem(item))
            } catch {
                guard skipsInvalid else { throw error }
                ignored.append(error.sentence)
            }
        }
        return .listed(ports)
    }

    private func readItem(_ item: String) throws(InvalidValue) -> PortRange {
        if ranges { return try PortRange(parsing: item) }
        guard let port = Decimal.read(item, upTo: 65535), port >= lowest else {
            throw InvalidValue("\"\(item)\" is not a port from \(lowest) to 65535")
        }
        return PortRange(UInt16(port))
    }
}
