package import Storage

/// What can go wrong when organisations, applications and keys are handled.
package enum AccessError: Error, Sendable, Hashable {
    case unknownOrganisation(OrganisationID)
    case organisationNameTaken(String)
    case unknownApplication(ApplicationID)
    case applicationNameTaken(String)
    case unknownKey(KeyID)
    /// The key was revoked or has expired.
    case keyNotLive(KeyID)
    /// The key has a live successor.
    case keyRotated(KeyID, successor: KeyID)
    case unknownToken(AdminTokenID)
    /// The token was revoked.
    case tokenNotLive(AdminTokenID)
    case tokenNameTooLong
    case invalidName(String)
    case invalidNetwork(String)
    /// Bits after the prefix length are set; the second is what was probably meant.
    case networkHostBits(String, meant: String)
    case unknownScope(String)
    case noScope
    case negativeLimit(Int)
    case expiryInThePast
    case digestKeyUnreadable(path: String, reason: String)
    /// Others than the owner may read the file; the mode as `chmod` writes it.
    case digestKeyExposed(path: String, mode: String)
    case digestKeyMalformed(source: String)
    /// The store's keys were made with another digest key.
    case digestKeyDiffers
}

extension AccessError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownOrganisation(let id):
            "There is no organisation \(id). See `steward organisations list`."
        case .organisationNameTaken(let name):
            "There is an organisation named “\(name)” already. Choose another name."
        case .unknownApplication(let id):
            "There is no application \(id). See `steward applications list`."
        case .applicationNameTaken(let name):
            "The organisation has an application named “\(name)” already. Choose another name."
        case .unknownKey(let id):
            "There is no key \(id). See `steward keys list`."
        case .keyNotLive(let id):
            "The key \(id) was revoked or has expired. See `steward keys list`."
        case .keyRotated(let id, let successor):
            "The key \(id) was rotated already; its successor is \(successor). Rotate that, or revoke it first."
        case .unknownToken(let id):
            "There is no token \(id). See `steward tokens list`."
        case .tokenNotLive(let id):
            "The token \(id) was revoked already. See `steward tokens list`."
        case .tokenNameTooLong:
            "A token's name has at most \(AdminTokenStore.nameScalarsMax) characters. Choose a shorter one."
        case .invalidName(let name):
            "“\(name)” can't be a name. Write 1 to 100 characters, without invisible ones and outer spaces."
        case .invalidNetwork(let text):
            "“\(text)” is not a network. Write one like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7."
        case .networkHostBits(let text, let meant):
            "The network \(text) has bits set after its prefix. Write \(meant), or a longer prefix."
        case .unknownScope(let name):
            "There is no scope “\(name)”. Scopes are \(KeyScopes.all.names.joined(separator: ", "))."
        case .noScope:
            "A key needs at least one scope. Scopes are \(KeyScopes.all.names.joined(separator: ", "))."
        case .negativeLimit(let limit):
            "A limit can't be \(limit). Write 0 or more."
        case .expiryInThePast:
            "It would expire in the past. Choose a later time."
        case .digestKeyUnreadable(let path, let reason):
            "The digest key \(path) can't be read: \(reason). Check that the file exists and is ours."
        case .digestKeyExposed(let path, let mode):
            "Others may read the digest key \(path) (mode \(mode)). Run `chmod 600 \(path)`."
        case .digestKeyMalformed(let source):
            "The digest key in \(source) is not 64 hexadecimal digits. Make one with `openssl rand -hex 32`."
        case .digestKeyDiffers:
            """
            The keys in the store were made with another digest key; none of them would be recognised. Give the digest \
            key that this store was made with.
            """
        }
    }
}
