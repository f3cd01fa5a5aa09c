/// Cuts the JSON of an answer into objects while it arrives, so that no list has to be in memory as a whole.
///
/// A watch is objects one after the other. A list is one object with an array "items"; its elements come out one by
/// one, and then the object itself with the array empty. Only brackets and strings are looked at: what is no JSON
/// fails when it is decoded.
struct ObjectSplitter {
    enum Piece: Equatable {
        case item([UInt8])
        case whole([UInt8])
    }

    /// Of the object that is being read, without the items.
    private var whole: [UInt8] = []
    private var item: [UInt8] = []
    /// Of brackets, from the whole object's own, which is 1.
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    /// Where the string at depth 1 that was read last begins in `whole`.
    private var keyStart: Int?
    private var isInItems = false

    private static let itemsKey = Array("\"items\"".utf8)

    /// - Returns: the objects that are complete with these bytes.
    mutating func add(_ bytes: some Sequence<UInt8>) -> [Piece] {
        var pieces: [Piece] = []
        for byte in bytes { if let piece = add(byte) { pieces.append(piece) } }
        return pieces
    }

    /// Whether nothing has been begun that has not ended.
    var isAtRest: Bool { depth == 0 }

    private mutating func add(_ byte: UInt8) -> Piece? {
        if isInString {
            keep(byte)
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
            return nil
        }
        switch byte {
        case UInt8(ascii: "\""):
            isInString = true
            if depth == 1 { keyStart = whole.count }
            keep(byte)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let opensItems = byte == UInt8(ascii: "[") && depth == 1 && lastKeyIsItems
            keep(byte)
            depth += 1
            if opensItems { isInItems = true }
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            if isInItems, depth > 1 {
                item.append(byte)
            } else {
                isInItems = false
                keep(byte)
            }
            return finish()
        default:
            if depth > 0 { keep(byte) }
        }
        return nil
    }

    private mutating func keep(_ byte: UInt8) {
        if isInItems {
            // Commas and spaces between the items are nobody's.
            if depth > 2 || byte == UInt8(ascii: "{") { item.append(byte) }
        } else {
            whole.append(byte)
        }
    }

    private mutating func finish() -> Piece? {
        if isInItems, depth == 2 {
            defer { item.removeAll(keepingCapacity: true) }
            return .item(item)
        }
        guard depth == 0 else { return nil }
        defer {
            whole = []
            item = []
            keyStart = nil
        }
        return .whole(whole)
    }

    private var lastKeyIsItems: Bool {
        guard let keyStart else { return false }
        return whole[keyStart...].starts(with: Self.itemsKey)
    }
}
