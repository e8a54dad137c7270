/// Confirms, by arithmetic or shape, what a pattern found; named in rule files by its raw value.
///
/// A candidate is what the pattern matched, in bytes of the normalised view. Checks take any bytes, allocate nothing
/// that grows with more than the candidate, and say no to what they don't know. Each names the source of its formula.
package enum Check: String, CaseIterable, Sendable, Hashable {
    case card
    case iban
    case usSSN = "us_ssn"
    case ukNINO = "uk_nino"
    case ukNHS = "uk_nhs"
    case caSIN = "ca_sin"
    case auTFN = "au_tfn"
    case frNIR = "fr_nir"
    case esDNI = "es_dni"
    case ptNIF = "pt_nif"
    case itCodiceFiscale = "it_codice_fiscale"
    case nlBSN = "nl_bsn"
    case beRRN = "be_rrn"
    case deSteuerID = "de_steuer_id"
    case atSVNR = "at_svnr"
    case chAHV = "ch_ahv"
    case sePersonnummer = "se_personnummer"
    case noFodselsnummer = "no_fodselsnummer"
    case fiHetu = "fi_hetu"
    case balticCode = "baltic_code"
    case plPESEL = "pl_pesel"
    case trTCKN = "tr_tckn"
    case brCPF = "br_cpf"
    case inAadhaar = "in_aadhaar"
    case inPAN = "in_pan"
    case cnResidentID = "cn_resident_id"
    case krRRN = "kr_rrn"
    case sgNRIC = "sg_nric"
    case zaID = "za_id"
    case mxCURP = "mx_curp"
    case phoneE164 = "phone_e164"
    case phoneNational = "phone_national"
    case email
    case ipv4
    case ipv6
    case birthDate = "birth_date"
    case githubToken = "github_token_crc32"
    case awsKeyID = "aws_key_id"
    case jwt
    case entropy
    case password

    /// Whether `candidate` is what this check is named after.
    package func confirms(_ candidate: Span<UInt8>) -> Bool {
        switch self {
        case .card: Self.isCard(candidate)
        case .iban: Self.isIBAN(candidate)
        case .phoneE164: Self.isE164Phone(candidate)
        case .phoneNational: Self.isNationalPhone(candidate)
        case .email: Self.isEmail(candidate)
        case .ipv4: Self.isPublicIPv4(candidate)
        case .ipv6: Self.isPublicIPv6(candidate)
        case .birthDate: Self.isBirthDate(candidate)
        case .githubToken: Self.isGitHubToken(candidate)
        case .awsKeyID: Self.isAWSKeyID(candidate)
        case .jwt: Self.isJWT(candidate)
        case .entropy: Self.isRandomSecret(candidate)
        case .password: Self.isPassword(candidate)
        default: confirmsNationalID(candidate)
        }
    }

    private func confirmsNationalID(_ candidate: Span<UInt8>) -> Bool {
        switch self {
        case .usSSN: Self.isUSSocialSecurityNumber(candidate)
        case .ukNINO: Self.isUKNationalInsurance(candidate)
        case .ukNHS: Self.isUKNHSNumber(candidate)
        case .caSIN: Self.isCanadianSIN(candidate)
        case .auTFN: Self.isAustralianTFN(candidate)
        case .frNIR: Self.isFrenchNIR(candidate)
        case .esDNI: Self.isSpanishDNI(candidate)
        case .ptNIF: Self.isPortugueseNIF(candidate)
        case .itCodiceFiscale: Self.isItalianCodiceFiscale(candidate)
        case .nlBSN: Self.isDutchBSN(candidate)
        case .beRRN: Self.isBelgianRRN(candidate)
        case .deSteuerID: Self.isGermanSteuerID(candidate)
        case .atSVNR: Self.isAustrianSVNR(candidate)
        case .chAHV: Self.isSwissAHV(candidate)
        case .sePersonnummer: Self.isSwedishPersonnummer(candidate)
        case .noFodselsnummer: Self.isNorwegianFodselsnummer(candidate)
        case .fiHetu: Self.isFinnishHetu(candidate)
        case .balticCode: Self.isBalticCode(candidate)
        case .plPESEL: Self.isPolishPESEL(candidate)
        case .trTCKN: Self.isTurkishTCKN(candidate)
        case .brCPF: Self.isBrazilianCPF(candidate)
        case .inAadhaar: Self.isIndianAadhaar(candidate)
        case .inPAN: Self.isIndianPAN(candidate)
        case .cnResidentID: Self.isChineseResidentID(candidate)
        case .krRRN: Self.isKoreanRRN(candidate)
        case .sgNRIC: Self.isSingaporeanNRIC(candidate)
        case .zaID: Self.isSouthAfricanID(candidate)
        case .mxCURP: Self.isMexicanCURP(candidate)
        default: false
        }
    }
}
