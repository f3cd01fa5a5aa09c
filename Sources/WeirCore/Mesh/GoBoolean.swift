/// Booleans as the meshes' own programs read them: Go's strconv.ParseBool.
public enum GoBoolean {
    /// - Returns: nil for a text that is neither, which those programs ignore.
    public static func parse(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": true
        case "0", "f", "F", "false", "FALSE", "False": false
        default: nil
        }
    }
}
