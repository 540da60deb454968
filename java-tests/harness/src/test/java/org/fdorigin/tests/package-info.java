/**
 * What the agent says about real programs, measured by the kernel's tables, by the programs' own
 * output and by the marked lines of their sources.
 */
package org.fdorigin.tests;
