/* SPDX-License-Identifier: MIT
 *
 * aws_xml.h: takes four credentials out of STS's replies.
 *
 * This is no XML parser. It knows elements, their text, and one declaration at
 * the start; anything else (a DOCTYPE, an entity, a comment, CDATA) is
 * refused, for STS sends none of it.
 */
#ifndef EE_KMS_AWS_XML_H
#define EE_KMS_AWS_XML_H

#include "kms/aws_credentials.h"

/* The parts of the only <Credentials> in text. They lie in the text. False,
 * and *parts as it was, when the text is not as above, is nested more than 8
 * deep, or has an element of the four twice. */
bool ee_aws_xml_credentials(struct ee_bytes text, struct ee_aws_parts *parts);

/* The text of the first <Code>, as in STS's errors; {NULL, 0}: none. For
 * comparison with known names. */
struct ee_bytes ee_aws_xml_code(struct ee_bytes text);

#endif
