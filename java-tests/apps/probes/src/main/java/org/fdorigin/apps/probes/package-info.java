/** Programs of one purpose each, without any framework. */
package org.fdorigin.apps.probes;
