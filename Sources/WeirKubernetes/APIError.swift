/// What the API server answered instead of what was asked for.
public struct APIError: Error, Sendable, CustomStringConvertible {
    /// The HTTP status.
    public let code: Int
    public let message: String

    /// The version that a watch was to start from is no longer kept.
    var isExpired: Bool { code == 410 }
    public var isNotFound: Bool { code == 404 }

    public var description: String {
        let advice =
            switch code {
            case 401: "; check the token or certificate"
            case 403: "; give the agent's service account get, list and watch of pods"
            default: ""
            }
        return "the API server answered \(code): \(message)\(advice)"
    }
}

/// The kind `Status` of the API, as an answer or as the object of an ERROR event.
struct StatusObject: Decodable {
    let code: Int?
    let message: String?

    func error(_ status: Int) -> APIError { APIError(code: code ?? status, message: message ?? "no reason given") }
}
