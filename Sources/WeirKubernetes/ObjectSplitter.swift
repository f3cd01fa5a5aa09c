/// Cuts the JSON of a list into objects while it arrives, so that it does not have to be in memory as a whole.
///
/// A list is one object with an array "items"; its elements come out one by one, and then the object itself with the
/// array empty. Only brackets and strings are looked at: what is no JSON fails when it is decoded.
struct ObjectSplitter {
    enum Piece: Equatable {
        case item([UInt8])
        /// One that was longer than the limit; its bytes are not kept.
        case itemTooLong
        case whole([UInt8])
        /// The list without its items is longer than the limit.
        case wholeTooLong
    }

    /// Of an item, and of the list without its items, in bytes.
    private let limit: Int
    private var isItemTooLong = false

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

    init(limit: Int) { self.limit = limit }

    /// - Returns: the objects that are complete with these bytes.
    mutating func add(_ bytes: some Sequence<UInt8>) -> [Piece] {
        var pieces: [Piece] = []
        for byte in bytes {
            if let piece = add(byte) { pieces.append(piece) }
            if whole.count > limit { return pieces + [.wholeTooLong] }
            if item.count > limit { (isItemTooLong, item) = (true, []) }
        }
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
            // One that closes nothing.
            guard depth > 0 else { return nil }
            depth -= 1
            if isInItems, depth > 1 {
                if !isItemTooLong { item.append(byte) }
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
            // Commas and spaces between the items belong to none of them.
            if !isItemTooLong, depth > 2 || byte == UInt8(ascii: "{") { item.append(byte) }
        } else {
            whole.append(byte)
        }
    }

    private mutating func finish() -> Piece? {
        if isInItems, depth == 2 {
            defer {
                item.removeAll(keepingCapacity: item.capacity <= 64 << 10)
                isItemTooLong = false
            }
            return isItemTooLong ? .itemTooLong : .item(item)
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
