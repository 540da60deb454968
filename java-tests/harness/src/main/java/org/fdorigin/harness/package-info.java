/**
 * What the tests stand on: starting a JVM with and without the agent, the kernel's view of it, and
 * the reports that it leaves. Nothing here knows how the agent works.
 */
package org.fdorigin.harness;
